// What pages do with JavaScript. Without it they do the same, with a button and a reload.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const say = (text) => {
    byId("said").textContent = text;
  };

  // --- theme ---------------------------------------------------------------------------------------------------------
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#theme")) return;
    root.dataset.theme = isDark() ? "light" : "dark";
    say(`Theme: ${root.dataset.theme}`);
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // See theme.js.
    }
  });

  // --- times: "12 min ago" beside the exact one -------------------------------------------------------------------
  const ago = (milliseconds) => {
    const minutes = Math.max(0, Math.floor(milliseconds / 60000));
    if (minutes < 1) return "just now";
    if (minutes < 60) return `${minutes} min ago`;
    const hours = Math.floor(minutes / 60);
    return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
  };
  const showTimes = () => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      time.textContent = ago(Date.now() - Date.parse(time.dateTime));
    }
  };
  showTimes();

  // --- copy ------------------------------------------------------------------------------------------------------------
  const textOf = (button) => {
    const source = button.dataset.copyFrom;
    return source ? byId(source).textContent : button.dataset.copy;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    event.preventDefault();
    try {
      await navigator.clipboard.writeText(textOf(button));
      say(`Copied ${button.dataset.copy ?? "the example"}`);
      button.textContent = "copied";
    } catch {
      say("The browser does not allow copying");
    }
    setTimeout(() => (button.textContent = "copy"), 2000);
  });

  // --- the list: filters apply when they change, the search while one types ----------------------------------
  let typing = 0;
  let hasEntry = false; // of the history, for what is typed since the field has the focus
  const submit = (form, { isTyping }) => {
    clearTimeout(typing);
    // One entry of the history per question, not per letter.
    const isSame = isTyping && hasEntry;
    hasEntry = isTyping;
    form.setAttribute("hx-push-url", isSame ? "false" : "true");
    form.setAttribute("hx-replace-url", isSame ? "true" : "false");
    form.requestSubmit();
  };
  const isSearch = (field) => field.id === "q" && field.form?.id === "find";
  const isChoice = (field) => field.form?.id === "find" && field.name !== "q";
  document.addEventListener("change", (event) => {
    if (isChoice(event.target)) submit(event.target.form, { isTyping: false });
    if (event.target.form?.id === "comparison" && event.target.name === "differences") event.target.form.requestSubmit();
    if (event.target.form?.id === "compare") showChosen({ isChange: true });
  });
  document.addEventListener("focusin", (event) => {
    if (isSearch(event.target)) hasEntry = false;
  });
  document.addEventListener("input", (event) => {
    if (!isSearch(event.target)) return;
    clearTimeout(typing);
    typing = setTimeout(() => submit(event.target.form, { isTyping: true }), 200);
  });
  // Empty fields mean nothing, and the service would redirect to the address without them.
  document.addEventListener("formdata", ({ target, formData }) => {
    if (target.method !== "get") return;
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
  });

  // The filters are replaced by those of the answer: the focus stays on the same one, with what is typed meanwhile.
  let focused = null;
  document.addEventListener("htmx:before:swap", () => {
    const field = document.activeElement;
    focused = field?.closest("#facets") && field.name ? field : null;
  });
  document.addEventListener("htmx:after:swap", () => {
    row = -1;
    showTimes();
    showChosen({ isChange: false });
    if (!focused) return;
    const isBox = focused.type === "checkbox";
    const fields = [...document.querySelectorAll("#facets [name]")];
    const field = fields.find((each) => each.name === focused.name && (!isBox || each.value === focused.value));
    if (field && !isBox) field.value = focused.value;
    field?.focus({ preventScroll: true });
  });

  // --- choosing what to compare ------------------------------------------------------------------------------------
  const MOST = 5;
  const picks = () => [...document.querySelectorAll(".pick input")];
  const showChosen = ({ isChange }) => {
    const chosen = picks().filter((pick) => pick.checked);
    const label = document.querySelector("[data-chosen]");
    if (!label) return;
    label.textContent = `${chosen.length} chosen`;
    const names = chosen.map((pick) => pick.closest("tr").querySelector("bdi").textContent);
    document.querySelector("[data-names]").textContent = names.join(", ");
    document.querySelector("[data-compare]").textContent = `Compare ${chosen.length} model${chosen.length === 1 ? "" : "s"}`;
    for (const pick of picks()) pick.disabled = !pick.checked && chosen.length >= MOST;
    if (isChange) say(chosen.length >= MOST ? `${MOST} chosen, no more can be compared` : `${chosen.length} chosen`);
  };
  document.addEventListener("reset", (event) => {
    if (event.target.id === "compare") setTimeout(() => showChosen({ isChange: true }));
  });
  addEventListener("pageshow", () => showChosen({ isChange: false }));

  // --- keys -------------------------------------------------------------------------------------------------------------
  let row = -1;
  const move = (step) => {
    const rows = [...document.querySelectorAll(".models tbody tr")];
    if (!rows.length) return;
    row = Math.min(Math.max(row + step, 0), rows.length - 1);
    rows[row].querySelector("a").focus();
  };
  const actions = {
    "/": () => byId("q")?.focus(),
    j: () => move(1),
    k: () => move(-1),
    x: () => document.activeElement.closest("tr")?.querySelector(".pick input")?.click(),
    c: () => picks().some((pick) => pick.checked) && byId("compare")?.requestSubmit(),
    "?": () => byId("shortcuts")?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const isField = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (isField || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
})();
