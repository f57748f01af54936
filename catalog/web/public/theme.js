// Before anything is drawn: the reader's choice of light or dark, so that no page flashes.
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Without storage the choice lasts for one page.
  }
})();
