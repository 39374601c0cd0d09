'use strict'
const data = JSON.parse(document.getElementById('data').textContent)
const texts = data.texts
let decisions = texts.map(() => null)
let at = 0
let saved = true
const byId = id => document.getElementById(id)

const pieces = ({ text, findings }) => {
  // offsets count characters, not UTF-16 units
  const letters = Array.from(text)
  const parts = []
  let end = 0
  for (const [start, stop, entity] of findings) {
    const from = Math.max(start, end)
    if (stop <= from) continue
    parts.push([letters.slice(end, from).join(''), null], [letters.slice(from, stop).join(''), entity])
    end = stop
  }
  return parts.concat([[letters.slice(end).join(''), null]])
}

const show = () => {
  const item = texts[at]
  const own = decisions[at]
  byId('column').textContent = item.column
  byId('place').textContent = `${at + 1} of ${texts.length}`
  byId('text').replaceChildren(...pieces(item).map(([piece, entity]) => {
    if (entity === null) return document.createTextNode(piece)
    const mark = document.createElement('mark')
    mark.append(piece)
    const name = document.createElement('small')
    name.textContent = entity
    mark.append(name)
    return mark
  }))
  byId('text').scrollTop = 0
  byId('findings').textContent = item.findings.length
    ? `${item.findings.length} found` : 'Nothing was found'
  byId('wrong').textContent = own ? own.wrong : wrong
  document.querySelectorAll('[data-missed]').forEach(button => {
    button.setAttribute('aria-pressed', String(own !== null && own.missed === Number(button.dataset.missed)))
  })
  byId('more-wrong').disabled = byId('less-wrong').disabled = !item.findings.length
  const done = decisions.filter(d => d !== null).length
  byId('done').textContent = `${done} of ${texts.length} decided`
  byId('progress').value = done
  byId('state').textContent = done === texts.length && saved ? 'All decisions are saved.'
    : saved ? '' : 'Not saved yet.'
}

let wrong = 0
const go = to => { at = Math.min(texts.length - 1, Math.max(0, to)); wrong = decisions[at] ? decisions[at].wrong : 0; show() }
const decide = missed => {
  decisions[at] = { missed, wrong }
  saved = false
  at === texts.length - 1 ? show() : go(at + 1)
}
const count = step => {
  wrong = Math.min(texts[at].findings.length, Math.max(0, wrong + step))
  if (decisions[at]) { decisions[at].wrong = wrong; saved = false }
  show()
}
const skip = () => { if (decisions[at]) saved = false; decisions[at] = null; go(at + 1) }

const save = () => {
  const content = {
    kind: 'rai-scale review', id: data.id, sample: data.sample,
    decisions: decisions.flatMap((d, i) => d ? [{ text: i, stratum: texts[i].stratum, ...d }] : []),
  }
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 1)], { type: 'application/json' }))
  link.download = `review-decisions-${data.id}.json`
  link.click()
  URL.revokeObjectURL(link.href)
  saved = true
  show()
}

const load = async file => {
  let content = null
  try { content = JSON.parse(await file.text()) } catch { /* said below */ }
  if (!content || content.id !== data.id) {
    byId('state').textContent = 'This file has no decisions of this review.'
    return
  }
  decisions = texts.map(() => null)
  content.decisions.forEach(({ text, missed, wrong: w }) => { decisions[text] = { missed, wrong: w } })
  const open = decisions.indexOf(null)
  saved = true
  go(open < 0 ? 0 : open)
}

const actions = {
  ArrowLeft: () => go(at - 1), ArrowRight: () => go(at + 1),
  w: () => count(1), W: () => count(-1), u: skip, s: save,
}
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (/^[0-9]$/.test(event.key)) { event.preventDefault(); decide(Number(event.key)) }
  else if (actions[event.key]) { event.preventDefault(); actions[event.key]() }
})
document.querySelectorAll('[data-missed]').forEach(button => {
  button.addEventListener('click', () => { decide(Number(button.dataset.missed)); button.blur() })
})
const wire = (id, act) => byId(id).addEventListener('click', event => { act(); event.currentTarget.blur() })
wire('more-wrong', () => count(1))
wire('less-wrong', () => count(-1))
wire('back', () => go(at - 1))
wire('next', () => go(at + 1))
wire('skip', skip)
wire('save', save)
byId('load').addEventListener('change', event => { if (event.target.files[0]) load(event.target.files[0]) })
window.addEventListener('beforeunload', event => { if (!saved) event.preventDefault() })
go(0)
