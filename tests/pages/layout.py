"""How a page lies on the screen and what it says to those who listen: the faults of one page at its present size."""

FAULTS = r"""
const faults = [], all = selector => [...document.querySelectorAll(selector)];
const shown = e => e.getClientRects().length > 0, words = e => e.textContent.trim().replace(/\s+/g, ' ').slice(0, 60);
if (document.documentElement.scrollWidth > innerWidth + 0.5) faults.push(`is ${document.documentElement.scrollWidth} wide`);
for (const e of all('section, canvas, figure, svg, p, h1, h2'))
  if (shown(e) && !e.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 0.5) faults.push(`${e.tagName} sticks out: ${words(e)}`);

// What does not fit scrolls, by keyboard too, or is told by a title.
for (const e of all('body *')) {
  if (!shown(e) || e.closest('svg') || e.tagName === 'CANVAS') continue;
  const style = getComputedStyle(e), cut = e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1;
  if (!cut || style.display === 'inline') continue;
  if (style.overflowX === 'hidden' && !e.closest('[title]')) faults.push(`is cut off: ${words(e)}`);
  const scrolls = e.scrollWidth > e.clientWidth + 1 && style.overflowX === 'auto';
  if (scrolls && e.tabIndex < 0) faults.push(`scrolls, but not by keyboard: ${words(e)}`);
  if (scrolls && style.backgroundImage === 'none' && e.tagName !== 'PRE') faults.push(`shows no sign that it scrolls: ${words(e)}`);
}

// A word of a name stands on one line.
for (const e of all('tr > :first-child code')) {
  if (!e.closest('th') && e.closest('table').querySelector('tbody th')) continue;
  const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    for (const word of node.data.matchAll(/[A-Za-z0-9]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) { faults.push(`${words(e)} breaks in ${word[0]}`); break; }
    }
}
for (const e of all('td, th')) if (!e.textContent.trim() && !e.querySelector('img')) faults.push(`an empty cell beside ${words(e.parentElement)}`);
for (const e of all('thead th')) if (!e.scope) faults.push(`a heading of no column: ${words(e)}`);
for (const e of all('tbody tr')) if (!e.closest('table').querySelector('thead')) { faults.push(`a table without headings: ${words(e)}`); break; }
for (const e of all('h2')) if (!/^[A-Z]/.test(e.textContent)) faults.push(`a heading unlike others: ${words(e)}`);
const levels = all('h1, h2, h3').map(e => Number(e.tagName[1]));
if (levels[0] !== 1 || levels.filter(n => n === 1).length !== 1 || levels.some((n, i) => i && n > levels[i - 1] + 1)) faults.push(`levels of headings: ${levels}`);
if (all('main').length !== 1) faults.push('no main part');
for (const e of all('section')) if (!e.querySelector('h2') && !e.classList.contains('note')) faults.push(`a section without a heading: ${words(e)}`);
for (const e of all('img')) if (!e.alt) faults.push('a picture without words');
for (const e of all('canvas, [role=img]')) if (!(e.getAttribute('aria-label') ?? '').trim()) faults.push('a chart without words');
for (const e of all('button, input')) if (!(e.getAttribute('aria-label') || e.textContent).trim()) faults.push('a button without a name');
const text = document.body.innerText;
for (const odd of ['undefined', '[object', 'NaN %', 'null']) if (text.includes(odd)) faults.push(`says ${odd}`);
const endless = text.match(/\d\.\d*(0000000|9999999)\d+/);
if (endless) faults.push(`says ${endless[0]}`);
return [...new Set(faults)];
"""


def faults_of_layout(browser):
    return browser.execute_script(FAULTS)
