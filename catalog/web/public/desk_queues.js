// The keyboard of the queues: j and k move, r and d mark, Enter leads to the reason. Without it, radio buttons do the same.
(() => {
  "use strict";
  const form = document.getElementById("marks");
  if (!form) return;
  const rows = [...form.querySelectorAll("[data-row]")];
  const marked = form.querySelector("[data-marked]");
  const button = form.querySelector("[data-decide]");
  const empty = { text: marked.textContent, button: button.textContent };
  let current = -1;

  const count = (key) => form.querySelectorAll(`input[data-key="${key}"]:checked`).length;
  const show = () => {
    const [released, discarded] = [count("r"), count("d")];
    const parts = [released && `release ${released}`, discarded && `discard ${discarded}`].filter(Boolean).join(" and ");
    marked.textContent = parts ? `${released + discarded} of ${rows.length} marked.` : empty.text;
    button.textContent = parts ? parts[0].toUpperCase() + parts.slice(1) : empty.button;
    for (const row of rows) row.dataset.mark = row.querySelector("input:checked")?.value ?? "";
  };
  const move = (step) => {
    current = Math.min(Math.max(current + step, 0), rows.length - 1);
    rows[current].focus({ preventScroll: true });
    rows[current].scrollIntoView({ block: "center" });
  };
  const mark = (key) => {
    if (current < 0) return;
    const choice = rows[current].querySelector(`input[data-key="${key}"]`);
    // The same key again takes the mark off.
    const next = choice.checked ? rows[current].querySelector('input[value=""]') : choice;
    next.checked = true;
    show();
    document.getElementById("said").textContent = next.parentElement.textContent;
  };
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    r: () => mark("r"),
    d: () => mark("d"),
    Enter: () => document.getElementById("f-reason").focus(),
  };

  form.addEventListener("change", show);
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) current = rows.indexOf(row);
  });
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input:not([type=radio]), select, textarea, dialog");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
    event.preventDefault();
    actions[event.key]();
  });
  addEventListener("pageshow", show);
})();
