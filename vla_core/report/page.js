// Draws the figures one after the other; those over the recording's time zoom together, and what is
// ticked is shown.
"use strict";
const CONFIG = {responsive: true, displayModeBar: false};
const drawn = new Set();
const hiddenSeries = new Set();
let timeRange = null;

function overTime(box) {
  return box.layout.meta === "time";
}

function showSeries(box) {
  const visible = box.data.map((trace) => !hiddenSeries.has(trace.name));
  Plotly.restyle(box, {visible: visible});
}

async function draw(box) {
  const figure = JSON.parse(box.querySelector("script").textContent);
  if (timeRange && figure.layout.meta === "time") figure.layout.xaxis.range = [...timeRange];
  await Plotly.newPlot(box, figure.data, figure.layout, CONFIG);
  drawn.add(box);
  if (box.closest(".joints") && hiddenSeries.size) showSeries(box);
  if (overTime(box)) box.on("plotly_relayout", (change) => zoomAll(box, change));
}

function zoomAll(source, change) {
  const all = change["xaxis.autorange"] === true;
  if (!all && change["xaxis.range[0]"] === undefined) return;
  const range = all ? null : [change["xaxis.range[0]"], change["xaxis.range[1]"]];
  if (String(range) === String(timeRange)) return;
  timeRange = range;
  for (const box of drawn) {
    if (box === source || !overTime(box)) continue;
    Plotly.relayout(box, range ? {"xaxis.range[0]": range[0], "xaxis.range[1]": range[1]} : {"xaxis.autorange": true});
  }
}

async function drawAll() {
  for (const box of document.querySelectorAll(".plot")) {
    await draw(box);
    await new Promise((next) => setTimeout(next)); // what was drawn is shown
  }
}
drawAll();

document.addEventListener("change", (event) => {
  const {series, joint} = event.target.dataset;
  if (joint) document.getElementById("joint-" + joint).hidden = !event.target.checked;
  if (!series) return;
  if (event.target.checked) hiddenSeries.delete(series); else hiddenSeries.add(series);
  drawn.forEach((box) => box.closest(".joints") && showSeries(box));
});
