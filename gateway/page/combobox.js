// A text field with suggestions, after ARIA's combobox pattern (list autocomplete, the focus stays in the field).

import { el, fill, settled, announce } from "./dom.js";

let made = 0;

/**
 * Make a combobox of an input.
 *
 * `find(text, signal)` returns options, each `{value, content}` (nodes; `disabled` ones only tell something);
 * `choose(value)` is called with what was chosen; `enter(text)`, if it is there, with a text for which no option is
 * active, and returns whether that is understood; `leave(text)` likewise when the field is left, where a text that is
 * not understood stays.  The field is not valid with a text left in it.
 */
export function combobox(input, { label, find, choose, enter, leave, failed }) {
  made += 1;
  const list = el("ul", { id: `options-${made}`, role: "listbox", "aria-label": label, hidden: true });
  input.parentElement.append(list);
  for (const [name, value] of Object.entries({
    role: "combobox",
    autocomplete: "off",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
  }))
    input.setAttribute(name, value);

  let options = [];
  let active = -1;
  let asking = new AbortController();

  const judge = (left) => {
    const text = input.value.trim();
    input.setCustomValidity(text && "Press Enter, or empty this field.");
    if (text && left) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };

  const close = () => {
    asking.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (index) => {
    active = index;
    [...list.children].forEach((item, at) => {
      if (item.getAttribute("role") === "option") item.setAttribute("aria-selected", String(at === index));
    });
    const item = list.children[index];
    if (!item) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };

  const take = (index) => {
    const { value } = options[index];
    close();
    input.value = "";
    judge();
    choose(value);
  };

  const show = (found) => {
    options = found;
    fill(
      list,
      found.map((option, at) => {
        const item = el(
          "li",
          {
            id: `${list.id}-${at}`,
            role: "option",
            "aria-selected": "false",
            "aria-disabled": option.disabled ? "true" : false,
          },
          option.content,
        );
        item.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the field
        if (!option.disabled) item.addEventListener("click", () => take(at));
        return item;
      }),
    );
    active = -1;
    input.removeAttribute("aria-activedescendant");
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    const choices = found.filter((option) => !option.disabled).length;
    announce(choices ? `${choices} suggestion${choices === 1 ? "" : "s"}` : "no suggestions");
  };

  const ask = async () => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    try {
      const found = await find(input.value.trim(), signal);
      if (!signal.aborted && document.activeElement === input) show(found);
    } catch (error) {
      if (error.name !== "AbortError") failed?.(error);
    }
  };
  const askSoon = settled(120, ask);

  const step = (by) => {
    if (!options.some((option) => !option.disabled)) return;
    let at = active < 0 && by < 0 ? 0 : active;
    do at = (at + by + options.length) % options.length;
    while (options[at].disabled);
    mark(at);
  };

  input.addEventListener("input", () => {
    judge();
    askSoon();
  });
  input.addEventListener("change", () => {
    const text = input.value.trim();
    if (text && leave?.(text)) input.value = "";
    judge(true);
  });
  input.addEventListener("focus", () => list.hidden && ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (open) step(event.key === "ArrowDown" ? 1 : -1);
      else ask();
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (open && active >= 0) take(active);
      else if (input.value.trim()) understood(input.value.trim());
    } else if (event.key === "Tab") {
      close();
    }
  });

  const understood = async (text) => {
    if (await enter?.(text)) {
      close();
      input.value = "";
      judge();
    }
  };
  return { close };
}
