// The desk's list of offers: how many are chosen, and all of a page at once. Without it the same forms work.
(() => {
  "use strict";
  const picks = () => [...document.querySelectorAll('#results .pick input[name="offer"]:not(:disabled)')];
  const show = () => {
    const count = document.querySelector("[data-count]");
    if (!count) return;
    const all = picks();
    const chosen = all.filter((pick) => pick.checked).length;
    count.textContent = `${chosen} chosen.`;
    document.querySelector("[data-change]").textContent = `Change ${chosen} offer${chosen === 1 ? "" : "s"}`;
    const box = document.querySelector("[data-all]");
    box.checked = chosen > 0 && chosen === all.length;
    box.indeterminate = chosen > 0 && chosen < all.length;
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-all]")) for (const pick of picks()) pick.checked = target.checked;
    if (target.closest("#results")) show();
  });
  document.addEventListener("reset", ({ target }) => {
    if (target.id === "bulk") setTimeout(show);
  });
  document.addEventListener("htmx:after:swap", show);
  addEventListener("pageshow", show);
})();
