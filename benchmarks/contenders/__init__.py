"""What the reads are compared with, each as such a catalogue is usually built."""
