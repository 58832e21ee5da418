// Small helpers of the document.  Texts become text nodes: nothing from the database is ever read as markup.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `on…` handlers, attributes) and children. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A button of a class; `more` attributes. */
export const button = (kind, label, onclick, more = {}) => el("button", { type: "button", class: kind, onclick, ...more }, label);

/** Put children in place of what is there. */
export function fill(where, ...children) {
  where.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

const grouped = new Intl.NumberFormat("en");
export const number = (value) => grouped.format(value);

export const counted = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** Bytes as people read them; units of 1000, as disks and browsers have them. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Seconds, roughly, as people say them. */
export function ago(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** Megabases of a position. */
export const megabases = (position) => (position / 1e6).toFixed(position % 100000 ? 2 : 1);

/** Calls that follow one another quickly become one, so many milliseconds after the last. */
export function settled(milliseconds, call) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), milliseconds);
  };
}

/** A button that copies what `text` returns, and says so. */
export function copyButton(text, label = "Copy") {
  const button = el("button", { type: "button", class: "copy" }, label);
  button.addEventListener("click", async () => {
    const done = await copied(text());
    button.textContent = done ? "Copied" : "Select and copy it";
    announce(done ? "Copied" : "Copying is not allowed here");
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}

async function copied(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // not allowed: the older way below
    }
  }
  const area = el("textarea", { class: "sr", readonly: true });
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}

const spoken = el("div", { class: "sr", role: "status", "aria-live": "polite" });
document.body.append(spoken);

/** Tell it to who listens to the page. */
export function announce(text) {
  spoken.textContent = text;
}
