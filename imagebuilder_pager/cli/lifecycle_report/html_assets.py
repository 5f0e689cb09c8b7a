"""The style and the script of ``--output html``; nothing of the service's goes into them."""

#: The style: light or dark as the system is, light on paper; narrow screens get lists for tables.
STYLE = """
:root { --back: #fff; --fore: #1f2328; --dim: #59636e; --line: #d5dae0; --soft: #f4f6f8;
  --failed: #b3261e; --unfinished: #8a5a00; --successful: #1a5fb4; --calm: #a3c4ef;
  --other: #6e7781 }
@media screen and (prefers-color-scheme: dark) { :root { --back: #0d1117; --fore: #e6edf3;
  --dim: #9198a1; --line: #30363d; --soft: #161b22; --failed: #ff8a80; --unfinished: #e3b341;
  --successful: #79b8ff; --calm: #2f5f95; --other: #8b949e } }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--back);
  color: var(--fore); font: 15px/1.45 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p { margin: .2rem 0 } small { color: var(--dim); display: block }
.failed { color: var(--failed); fill: var(--failed) }
.unfinished { color: var(--unfinished); fill: var(--unfinished) }
.successful { color: var(--successful); fill: var(--calm) }
.other { color: var(--other); fill: var(--other) }
.tiles { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)) }
.tiles div { padding: .5rem .75rem; background: var(--soft); border: 1px solid var(--line);
  border-radius: 6px } dt { color: var(--dim) } dd { margin: 0; font-size: .85rem }
dd b { font-size: 1.4rem; display: block } dd span { white-space: nowrap; margin-right: .4rem }
.legend { font-size: .85rem; font-weight: normal } .legend span { white-space: nowrap }
.legend span::before { content: "\\25A0\\00A0"; margin-left: .6rem }
.legend .successful::before { color: var(--calm) } .wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .875rem }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--dim) } th button { all: unset; cursor: pointer }
th button:hover { text-decoration: underline } th button:focus-visible { outline: 2px solid }
[aria-sort=ascending] button::after { content: " \\2191" }
[aria-sort=descending] button::after { content: " \\2193" }
.long { white-space: normal; overflow-wrap: anywhere; min-width: 14rem }
.n { text-align: right; font-variant-numeric: tabular-nums }
.counts td.n:nth-last-child(2n+1) { color: var(--failed) } .counts td.n.zero { color: var(--dim) }
.bar { display: block; width: 100%; min-width: 5rem; height: 1.1rem }
#week td:nth-child(2) { width: 45% }
details { margin: .6rem 0; border-left: 3px solid var(--line); padding-left: .6rem }
summary { cursor: pointer; overflow-wrap: anywhere }
@media screen and (max-width: 40rem) { .flow thead { display: none }
  .flow tr { display: block; padding: .3rem 0; border-bottom: 1px solid var(--line) }
  .flow td { display: inline-block; border: 0 } .flow .long { display: block }
  .flow td.n::after { content: " resources" } .counts { font-size: .8rem } .bar { width: 5rem } }
@media print { body { max-width: none; padding: 0; font-size: 9pt } .wide { overflow: visible }
  tr, .tiles div, summary { break-inside: avoid } h2 { break-after: avoid } }
"""
#: The script: it sorts a table by the column that is clicked, or that the fragment names
#: (``#account:2``).
SCRIPT = """
for (const table of document.querySelectorAll("table"))
  [...table.tHead.rows[0].cells].forEach((head, index) => {
    if (!head.textContent) return
    const button = document.createElement("button"), body = table.tBodies[0]
    button.append(...head.childNodes)
    head.append(button)
    button.onclick = () => {
      const isNumber = body.rows[0].cells[index].classList.contains("n")
      const isUp = head.ariaSort ? head.ariaSort == "descending" : !isNumber
      const key = row => row.cells[index].textContent.replaceAll(",", "")
      const compare = isNumber ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b))
      body.append(...[...body.rows].sort((a, b) => isUp ? compare(a, b) : compare(b, a)))
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort")
      head.ariaSort = isUp ? "ascending" : "descending"
    }
  })
const [name, index] = location.hash.slice(1).split(":")
document.getElementById(name)?.tHead?.rows[0].cells[index]?.firstChild?.click?.()
"""
