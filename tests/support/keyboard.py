"""Going through a page by the Tab key."""

from dataclasses import dataclass

from playwright.sync_api import Page

LONGEST_WAY = 400
CONTROLS = (
    "a[href], button:not([disabled]), input:not([disabled]):not([type=hidden]), "
    "select:not([disabled]), textarea:not([disabled]), summary, [tabindex='0']"
)
# One control of a group of radio buttons or of tabs has the focus for all, by convention.
SHOWN = """(selector) => [...document.querySelectorAll(selector)].filter((element) =>
    element.checkVisibility({visibilityProperty: true}) && !element.closest('[inert]')
    && element.tabIndex >= 0 && element.type !== 'radio')"""
NAME = """(element) => (element.id && '#' + element.id) || `${element.localName}:`
    + (element.getAttribute('aria-label') || element.textContent).trim().slice(0, 40)"""
FOCUSED = f"""() => {{
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    element.dataset.reached = 'yes';
    const style = getComputedStyle(element);
    const drawn = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    return {{name: ({NAME})(element), is_visible: drawn || style.boxShadow !== 'none'}};
}}"""


@dataclass(frozen=True, slots=True)
class Stop:
    """A control that Tab reached, and whether it shows that it has the focus."""

    name: str
    is_visible: bool


def focus_stops(page: Page) -> list[Stop]:
    """Press Tab until the page's end; every control on the way."""
    stops: list[Stop] = []
    while len(stops) < LONGEST_WAY:
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            return stops
        stops.append(Stop(**found))
    raise AssertionError(f"Tab has no end: {stops[-5:]}")


def unreached(page: Page) -> list[str]:
    """Controls on view that `focus_stops` did not reach."""
    names = f"""(selector) => ({SHOWN})(selector).filter((element) => !element.dataset.reached)
        .map({NAME})"""
    return [str(name) for name in page.evaluate(names, CONTROLS)]
