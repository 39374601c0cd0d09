"""The dashboard in a browser without a screen: each tab, by keyboard, at a given width."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from rai_scale.reports.html import save_html
from tests.unit.test_reports_layout import dumped

HARNESS = """<iframe id="page" src="page.html" style="border: 0; width: {width}px; height: 900px">
</iframe><script>
const found = {{ errors: [], tabs: [], contrast: [], unnamed: [], wide: [], cut: [] }}
const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
onload = () => {{
  const frame = document.getElementById('page').contentWindow
  const page = frame.document
  frame.onerror = message => found.errors.push(message)
  const style = node => frame.getComputedStyle(node)
  const ground = node => {{
    for (let at = node; at; at = at.parentElement) {{
      const colour = parse(style(at).backgroundColor)
      if (colour.length < 4 || colour[3] > 0) return colour
    }}
    return [255, 255, 255]
  }}
  const seen = node => node.getClientRects().length > 0
  const check = tab => {{
    const texts = [...page.querySelectorAll('body *')].filter(node => seen(node) && !node.closest('svg')
      && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    for (const node of texts) {{
      const [dark, bright] = [light(parse(style(node).color)), light(ground(node))].sort((a, b) => a - b)
      if ((bright + 0.05) / (dark + 0.05) < 4.5) found.contrast.push(tab + ': ' + node.textContent.slice(0, 40))
    }}
    for (const node of page.querySelectorAll('button, input, select, [role=tab], [role=img]')) {{
      if (!seen(node)) continue
      const name = node.getAttribute('aria-label') || (node.labels && node.labels.length) || node.textContent.trim()
      if (!name) found.unnamed.push(tab + ': ' + node.outerHTML.slice(0, 60))
    }}
    if (page.documentElement.scrollWidth > {width}) found.wide.push(tab)
    for (const link of page.querySelectorAll('a[href^="#"]')) {{
      if (!page.getElementById(link.getAttribute('href').slice(1))) found.cut.push(link.outerHTML)
    }}
  }}
  const press = (node, key) => node.dispatchEvent(new frame.KeyboardEvent('keydown', {{ key, bubbles: true }}))
  const tabs = [...page.querySelectorAll('[role=tab]')]
  tabs[0].focus()
  for (const tab of tabs) {{
    const open = [...page.querySelectorAll('[role=tabpanel]')].filter(seen)
    found.tabs.push([page.activeElement.id, open.map(panel => panel.id).join()])
    check(tab.id)
    press(page.activeElement, 'ArrowRight')
  }}
  found.back = page.activeElement.id
  press(page.activeElement, 'End'); found.end = page.activeElement.id
  page.getElementById('tab-errors').click()
  const lines = [...page.querySelectorAll('.board .pick')]
  if (lines.length) {{
    lines[0].focus(); press(lines[0], 'ArrowDown'); page.activeElement.click()
    found.cohort = page.getElementById('cohort').textContent
  }}
  found.pressed = page.querySelectorAll('[aria-pressed=true]').length
  const set = (id, value) => {{
    page.getElementById(id).value = value
    page.getElementById(id).dispatchEvent(new frame.Event('input', {{ bubbles: true }}))
  }}
  page.getElementById('tab-what-if').click()
  found.predictions = {values}.map(([x, g]) => {{
    set('value-0', x); set('value-1', g)
    return page.getElementById('prediction').textContent
  }})
  found.requests = frame.performance.getEntriesByType('resource').map(entry => entry.name)
  document.body.dataset.found = encodeURIComponent(JSON.stringify(found))
}}</script>"""


def looked_at(html: str, width: int, folder: Path, values: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return what a browser finds on the page.

    Per tab the focus and the open panels (``tabs``); lists of faults, which should be empty:
    ``errors``, ``requests``, ``contrast`` (below 4.5), ``unnamed`` controls, ``wide`` tabs and
    ``cut`` links; ``predictions`` for pairs of ``values`` in the what-if tab.
    """
    save_html(html, folder / "page.html")
    page = HARNESS.format(width=width, values=json.dumps(values))
    save_html("<body>" + page, folder / "harness.html")
    dom = dumped(folder / "harness.html", folder / "profile")
    return dict(json.loads(unquote(re.search(r'data-found="([^"]+)"', dom)[1])))


FAULTS = ("errors", "requests", "contrast", "unnamed", "wide", "cut")
