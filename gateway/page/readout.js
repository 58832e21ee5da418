// Values of a picture under the pointer, and bin by bin by keyboard.

import { el, megabases } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const STATES = { 2: "high-level gain", 1: "gain", "-1": "loss", "-2": "high-level loss" };

const numbers = (text) => (text ?? "").split(" ").filter(Boolean).map(Number);

/** What a picture says of itself, read once. */
function understood(svg) {
  const chromosomes = [...svg.querySelectorAll(".plot-chromosome")].map(({ dataset }) => ({
    name: dataset.chromosome,
    x: Number(dataset.x),
    width: Number(dataset.width),
    size: Number(dataset.size),
    ends: numbers(dataset.ends),
  }));
  const rows = [...svg.querySelectorAll(".plot-group, .plot-sample")].map((item) => ({
    item,
    y: Number(item.dataset.y),
    height: Number(item.dataset.height),
    bars: new Map([...item.querySelectorAll(".plot-bars")].map((bars) => [bars.dataset.chromosome, bars.dataset])),
    segments: (item.dataset.segments ?? "").split(" ").filter(Boolean).map((text) => {
      const [chromosome, span, state] = text.split(":");
      const [start, end] = span.split("-").map(Number);
      return { chromosome, start, end, state };
    }),
  }));
  return { chromosomes, rows };
}

const percent = (list, bin) => {
  const value = (list ?? "").split(" ")[bin];
  return value === "." ? null : Number(value ?? 0);
};

/**
 * Make the pictures in `plot` readable: values are told in `readout`, of which `told` hears; `enter` is called with a
 * chromosome to enlarge.  Returns what names the chromosome of the values that were told.
 */
export function readable(plot, readout, { enter, told }) {
  let svg = null;
  let found = null;
  let at = { row: 0, chromosome: 0, bin: 0 };

  const current = () => {
    const now = plot.querySelector("svg");
    if (now !== svg) {
      svg = now;
      found = svg && understood(svg);
      at = { row: 0, chromosome: 0, bin: -1 };
    }
    return found && found.chromosomes.length > 0 && found.rows.length > 0;
  };

  const binCount = (chromosome) => chromosome.ends.length || Math.ceil(chromosome.size / 1e6);
  const spanOf = (chromosome, bin) => {
    const ends = chromosome.ends.length ? chromosome.ends : null;
    const start = ends ? (bin ? ends[bin - 1] : 0) : bin * 1e6;
    return [start, ends ? ends[bin] : Math.min(chromosome.size, (bin + 1) * 1e6)];
  };

  const tell = () => {
    const chromosome = found.chromosomes[at.chromosome];
    const row = found.rows[at.row];
    const [start, end] = spanOf(chromosome, at.bin);
    const { group, label, sample } = row.item.dataset;
    const bars = row.bars.get(chromosome.name);
    let what;
    if (sample) {
      const here = row.segments.filter((s) => s.chromosome === chromosome.name && s.start < end && s.end > start);
      what = here.length
        ? here.map((s) => `${STATES[s.state]} ${megabases(s.start)}–${megabases(s.end)} Mb`).join(", ")
        : "no gain or loss";
    } else {
      const [gain, loss] = [percent(bars?.gain, at.bin), percent(bars?.loss, at.bin)];
      const high = [percent(bars?.gainHigh, at.bin), percent(bars?.lossHigh, at.bin)];
      const more = (value) => (value ? ` (high-level ${value.toFixed(1)} %)` : "");
      const said = (value) => (value === null ? "not known" : `${value.toFixed(1)} %`);
      what = `gain ${said(gain)}${more(high[0])}, loss ${said(loss)}${more(high[1])}`;
    }
    const whose = found.rows.length > 1 || sample ? `${sample ?? label ?? group}: ` : "";
    readout.textContent = `${whose}chr ${chromosome.name}: ${megabases(start)}–${megabases(end)} Mb: ${what}`;
    mark(chromosome, row, start, end);
    told();
  };

  const mark = (chromosome, row, start, end) => {
    let cursor = svg.querySelector(".cursor");
    if (!cursor) {
      cursor = document.createElementNS(SVG, "rect");
      cursor.setAttribute("class", "cursor");
      svg.append(cursor);
    }
    const unit = chromosome.width / chromosome.size;
    cursor.setAttribute("x", chromosome.x + start * unit);
    cursor.setAttribute("width", Math.max(1, (end - start) * unit));
    cursor.setAttribute("y", row.y);
    cursor.setAttribute("height", row.height);
  };

  const locate = (event) => {
    if (!current()) return false;
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const x = ((event.clientX - box.left) / box.width) * view.width;
    const y = ((event.clientY - box.top) / box.height) * view.height;
    const chromosome = found.chromosomes.findIndex((each) => x >= each.x && x < each.x + each.width);
    const row = found.rows.findIndex((each) => y >= each.y && y < each.y + each.height);
    if (chromosome < 0 || row < 0) return false;
    const { ends, size, width, x: left } = found.chromosomes[chromosome];
    const position = ((x - left) / width) * size;
    const bin = ends.length ? ends.findIndex((end) => position < end) : Math.floor(position / 1e6);
    if (bin < 0) return false;
    at = { row, chromosome, bin };
    return true;
  };

  plot.addEventListener("pointermove", (event) => locate(event) && tell());
  // A finger cannot point without a tap.
  let touched = false;
  plot.addEventListener("pointerdown", (event) => (touched = event.pointerType !== "mouse"));
  plot.addEventListener("click", (event) => {
    if (!locate(event)) return;
    if (touched) tell();
    else enter(found.chromosomes[at.chromosome].name);
  });

  const moves = {
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    ArrowDown: () => (at.row = Math.min(at.row + 1, found.rows.length - 1)),
    ArrowUp: () => (at.row = Math.max(at.row - 1, 0)),
    PageDown: () => to(at.chromosome + 1),
    PageUp: () => to(at.chromosome - 1),
    Home: () => to(0),
    End: () => {
      to(found.chromosomes.length - 1);
      at.bin = binCount(found.chromosomes[at.chromosome]) - 1;
    },
  };
  const to = (chromosome) => {
    at.chromosome = Math.max(0, Math.min(chromosome, found.chromosomes.length - 1));
    at.bin = 0;
  };
  const step = (by) => {
    const bin = at.bin + by;
    if (bin < 0 && at.chromosome > 0) {
      at.chromosome -= 1;
      at.bin = binCount(found.chromosomes[at.chromosome]) - 1;
    } else if (bin >= binCount(found.chromosomes[at.chromosome])) {
      if (at.chromosome < found.chromosomes.length - 1) to(at.chromosome + 1);
    } else at.bin = Math.max(0, bin);
  };

  plot.tabIndex = 0;
  plot.setAttribute("role", "group");
  plot.setAttribute("aria-label", "Picture; arrow keys read it bin by bin, page up and down by chromosome, enter zooms");
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target !== plot || !current()) return;
    if (event.key === "Enter") {
      event.preventDefault();
      enter(found.chromosomes[at.chromosome].name);
    } else if (moves[event.key]) {
      event.preventDefault();
      for (let times = event.shiftKey ? 10 : 1; times > 0; times -= 1) moves[event.key]();
      at.bin = Math.max(0, at.bin);
      tell();
    }
  });
  return () => (current() && at.bin >= 0 ? found.chromosomes[at.chromosome].name : "");
}
