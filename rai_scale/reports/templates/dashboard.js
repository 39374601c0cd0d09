'use strict'
const { cohorts, model } = JSON.parse(document.getElementById('data').textContent)
const byId = id => document.getElementById(id)
const make = (tag, text) => {
  const made = document.createElement(tag)
  made.textContent = text
  return made
}

// Tabs, as in the ARIA Authoring Practices: arrow keys move, one tab is in the order of the Tab key.
const tabs = [...document.querySelectorAll('[role=tab]')]
const panelOf = tab => byId(tab.getAttribute('aria-controls'))
const open = (tab, focus) => {
  tabs.forEach(other => {
    const chosen = other === tab
    other.setAttribute('aria-selected', String(chosen))
    other.tabIndex = chosen ? 0 : -1
    panelOf(other).hidden = !chosen
  })
  if (focus) tab.focus()
  const row = tab.parentElement
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - 16
}
const steps = { ArrowRight: at => at + 1, ArrowLeft: at => at - 1, Home: () => 0, End: () => tabs.length - 1 }
tabs.forEach((tab, at) => {
  tab.addEventListener('click', () => open(tab))
  tab.addEventListener('keydown', event => {
    const step = steps[event.key]
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    open(tabs[(step(at) + tabs.length) % tabs.length], true)
  })
})
// a link to a part of the page opens the tab that holds it
const openLinked = () => {
  const target = location.hash.length > 1 && byId(decodeURIComponent(location.hash.slice(1)))
  const panel = target && target.closest('[role=tabpanel]')
  if (!panel) return false
  open(tabs.find(tab => panelOf(tab) === panel))
  if (target !== panel) target.scrollIntoView()
  return true
}
window.addEventListener('hashchange', openLinked)
tabs[0].parentElement.hidden = false
if (!openLinked()) open(tabs[0])

// Cohorts: the numbers of the chosen line, cell or combination.
const picks = [...document.querySelectorAll('[data-cohort]')]
const choose = number => {
  const { name, path, condition, lines } = cohorts[number]
  picks.forEach(pick => pick.setAttribute('aria-pressed', String(Number(pick.dataset.cohort) === number)))
  byId('cohort-name').textContent = name
  byId('cohort-path').replaceChildren(...path.map(step => make('li', step)))
  byId('cohort-lines').replaceChildren(...lines.flatMap(([label, text]) => [make('dt', label), make('dd', text)]))
  byId('cohort-code').textContent = condition === 'all rows' ? 'frame' : `cohort(${JSON.stringify(condition)}).filter(frame)`
  byId('cohort').hidden = false
}
picks.forEach(pick => pick.addEventListener('click', () => choose(Number(pick.dataset.cohort))))
const lines = [...document.querySelectorAll('.board .pick')]
lines.forEach((line, at) => line.addEventListener('keydown', event => {
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[event.key]
  if (next === undefined || !lines[next]) return
  event.preventDefault()
  lines[next].focus()
}))
// on a phone the card covers a part of the tree, so that it waits for a choice
if (cohorts.length && matchMedia('(min-width: 901px)').matches) choose(0)
if (cohorts.length) {
  byId('cohort-close').addEventListener('click', () => {
    const chosen = picks.find(pick => pick.getAttribute('aria-pressed') === 'true')
    picks.forEach(pick => pick.setAttribute('aria-pressed', 'false'))
    byId('cohort').hidden = true
    chosen?.focus()
  })
}

// The prediction of a model that is a sum of shapes.
const binOf = ({ cuts, levels }, value) => (levels ? levels.indexOf(value) : cuts.filter(cut => cut <= value).length)
const scoreOf = (term, values) => {
  const at = term.features.map((feature, side) => binOf(term.bins[side], values[feature]))
  return at.reduce((found, bin) => (found === undefined ? undefined : found[bin]), term.values)
}
const signed = value => (value < 0 ? '\u2212' : '+') + Math.abs(value).toFixed(3)
const predict = values => {
  const scores = model.terms.map(term => scoreOf(term, values) ?? 0)
  const sum = scores.reduce((total, score) => total + score, model.intercept)
  return { scores, value: model.task === 'classification' ? 1 / (1 + Math.exp(-sum)) : sum }
}
const showPrediction = () => {
  const values = model.features.map((feature, at) => {
    const { value } = byId(`value-${at}`)
    return feature.levels ? value : value.trim() === '' ? NaN : Number(value)
  })
  const known = values.every(value => typeof value === 'string' || Number.isFinite(value))
  byId('scores').hidden = !known
  if (!known) {
    byId('prediction').textContent = 'Enter a number for each feature.'
    return
  }
  const { scores, value } = predict(values)
  byId('prediction').textContent = model.task === 'classification'
    ? `Probability of ${model.y_true} = ${model.label}: ${(100 * value).toFixed(1)} %`
    : `Predicted ${model.y_true}: ${value.toPrecision(5)}`
  byId('scores').tBodies[0].replaceChildren(...model.terms.map((term, at) => {
    const row = document.createElement('tr')
    row.setAttribute('role', 'row')
    const head = document.createElement('th')
    head.scope = 'row'
    head.setAttribute('role', 'rowheader')
    head.append(make('code', term.name))
    const cell = make('td', signed(scores[at]))
    cell.className = 'num'
    cell.setAttribute('role', 'cell')
    cell.dataset.label = 'Score'
    row.append(head, cell)
    return row
  }))
}
if (model) {
  byId('what-if').hidden = false
  model.features.forEach((feature, at) => {
    const value = byId(`value-${at}`)
    const slide = byId(`slide-${at}`)
    value.addEventListener('input', () => { if (slide) slide.value = value.value; showPrediction() })
    if (slide) slide.addEventListener('input', () => { value.value = Number(Number(slide.value).toPrecision(6)); showPrediction() })
  })
  byId('what-if').addEventListener('submit', event => event.preventDefault())
  showPrediction()
}
