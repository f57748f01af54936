"""The generated parts of the documents: what `manage.py docs` writes between two markers."""
