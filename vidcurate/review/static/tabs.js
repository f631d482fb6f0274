// The right column's panels: the clip, thresholds, the sample.

import { $ } from "./dom.js";

const NAMES = ["clip", "thresholds", "sample"];
let opened = {};

/** Make the tabs work; `onOpen[name]()` is called when a panel opens. */
export function startTabs(onOpen) {
  opened = onOpen;
  for (const name of NAMES) {
    $(`tab-${name}`).addEventListener("click", () => openTab(name));
    $(`tab-${name}`).addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = NAMES.at((NAMES.indexOf(name) + by) % NAMES.length);
      openTab(next);
      $(`tab-${next}`).focus();
    });
  }
}

/** Which panel is open. */
export const openedTab = () => NAMES.find((name) => !$(`panel-${name}`).hidden);

/** Open a panel. */
export function openTab(wanted) {
  if (wanted === openedTab()) return;
  for (const name of NAMES) {
    $(`panel-${name}`).hidden = name !== wanted;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === wanted));
    $(`tab-${name}`).tabIndex = name === wanted ? 0 : -1;
  }
  opened[wanted]?.();
  if (matchMedia("(max-width: 760px)").matches) {
    $(`panel-${wanted}`).parentElement.firstElementChild.scrollIntoView();
  }
}
