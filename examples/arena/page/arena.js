// The player's side of arena.py: what I do goes up sixty times a second, the world comes down and is drawn smooth.
import { play } from '/game.js'

const $ = (id) => document.getElementById(id)
const [field, door, news, scores] = [$('field'), $('door'), $('news'), $('scores')]
const paint = field.getContext('2d')
const COLORS = ['#6ee7c8', '#ffb86b', '#8ab4ff', '#ff8fa3', '#d3a4ff', '#f6e05e', '#7ee08a', '#ff9ff3']
const color = (seat) => COLORS[seat % COLORS.length]
const keys = { left: false, right: false, up: false, fire: false }
const stick = { turn: 0, thrust: 0, fire: false }
let match = null
let size = { width: 1600, height: 900, health: 3 }
let speaking = new Set()
const sparks = []

// Joining

$('name').value = sessionStorage.getItem('arena.name') ?? ''
$('room').value = new URLSearchParams(location.search).get('room') ?? $('room').value
door.addEventListener('submit', (event) => {
  event.preventDefault()
  void join(false)
})
$('watch').addEventListener('click', () => void join(true))

async function join(spectate) {
  if (!door.reportValidity()) return
  const [name, room] = [$('name').value.trim() || 'Somebody', $('room').value]
  sessionStorage.setItem('arena.name', name)
  $('problem').textContent = ''
  try {
    match = await play(room, { name, spectate }, { welcome, seats, told, state, speakers, refused: (_, why) => say(why) })
  } catch (error) {
    $('problem').textContent = `That did not work: ${error.message}`
    return
  }
  door.hidden = true
  $('tools').hidden = false
  $('pad').hidden = spectate
  field.focus()
  window.arena = match
  setInterval(step, 1000 / 60)
}

function welcome({ seat, settings }) {
  size = settings
  say(seat < 0 ? 'You are watching' : 'You fly the ship with the white ring')
  if (seat < 0 && !document.hidden) $('pad').hidden = true
}

function step() {
  if (match.game.seat === null) {
    match.game.ack()
    return
  }
  const turn = (keys.right ? 1 : 0) - (keys.left ? 1 : 0) || stick.turn
  match.game.act({ turn: Math.round(turn * 100) / 100, thrust: keys.up ? 1 : Math.round(stick.thrust * 100) / 100, fire: keys.fire || stick.fire })
}

// What comes

let quiet
function say(text) {
  news.textContent = text
  clearTimeout(quiet)
  quiet = setTimeout(() => (news.textContent = ''), 4000)
}

const nameOf = (seat) => match?.game.seats.find((one) => one.seat === seat)?.name ?? 'Somebody'

function told(data) {
  if (data?.event === 'gem' && data.seat === match?.game.seat) say('A gem!')
  if (data?.event === 'wreck') {
    say(`${nameOf(data.by)} wrecks ${nameOf(data.seat)}`)
    const ship = match?.game.frame?.world.get(`ship ${data.seat}`)
    if (ship && !matchMedia('(prefers-reduced-motion: reduce)').matches)
      for (let n = 0; n < 24; n++) sparks.push({ x: ship.x, y: ship.y, a: Math.random() * 7, v: 60 + Math.random() * 240, born: performance.now(), color: color(data.seat) })
  }
}

function state(now) {
  if (now === 'lost') say('The connection is lost and comes back …')
  if (now === 'playing') say('Here we go')
  if (now === 'left') {
    say('The match is over for you: reload to come back')
    $('tools').hidden = true
  }
}

function speakers(identities) {
  speaking = new Set(identities)
  seats(match?.game.seats ?? [])
}

let shown = ''
function seats(list) {
  const world = match?.game.frame?.world
  const rows = list
    .map((one) => ({ ...one, score: world?.get(`ship ${one.seat}`)?.score ?? 0 }))
    .sort((a, b) => b.score - a.score || a.seat - b.seat)
  const text = JSON.stringify([rows, [...speaking], match?.game.seat])
  if (text === shown) return
  shown = text
  scores.replaceChildren(
    ...rows.map((one) => {
      const item = document.createElement('li')
      item.classList.toggle('me', one.seat === match?.game.seat)
      item.classList.toggle('away', !one.connected)
      item.classList.toggle('speaks', speaking.has(one.identity))
      const dot = document.createElement('i')
      dot.style.background = color(one.seat)
      item.append(dot, `${one.name} `, Object.assign(document.createElement('b'), { textContent: one.score }))
      return item
    }),
  )
}

// What I do

const KEYS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', KeyA: 'left', KeyD: 'right', KeyW: 'up', Space: 'fire' }
for (const kind of ['keydown', 'keyup'])
  addEventListener(kind, (event) => {
    if (!match || event.target instanceof HTMLInputElement) return
    if (event.code === 'KeyM' && kind === 'keydown') $('voice').click()
    const key = KEYS[event.code]
    if (!key || (event.code === 'Space' && event.target instanceof HTMLButtonElement)) return
    keys[key] = kind === 'keydown'
    event.preventDefault()
  })
addEventListener('blur', () => Object.keys(keys).forEach((key) => (keys[key] = false)))

let talking = false
$('voice').addEventListener('click', async () => {
  try {
    await match.voice(!talking)
    talking = !talking
  } catch (error) {
    say(`No microphone: ${error.message}`)
  }
  $('voice').textContent = talking ? 'Voice on' : 'Voice off'
  $('voice').setAttribute('aria-pressed', String(talking))
})

const touches = new Map()
field.addEventListener('pointerdown', (event) => {
  if (event.pointerType === 'mouse' || !match) return
  const left = event.clientX < innerWidth / 2
  touches.set(event.pointerId, { left, x: event.clientX, y: event.clientY })
  if (!left) stick.fire = true
})
field.addEventListener('pointermove', (event) => {
  const touch = touches.get(event.pointerId)
  if (!touch?.left) return
  stick.turn = Math.max(-1, Math.min(1, (event.clientX - touch.x) / 50))
  stick.thrust = Math.max(0, Math.min(1, (touch.y - event.clientY) / 50))
})
for (const kind of ['pointerup', 'pointercancel'])
  field.addEventListener(kind, (event) => {
    const touch = touches.get(event.pointerId)
    touches.delete(event.pointerId)
    if (touch?.left) stick.turn = stick.thrust = 0
    else if (touch) stick.fire = false
  })

// Drawing

const NARROW = 800

/** All of the field where it fits; a narrow screen shows a part of it, around my ship. */
function fit(mine) {
  const ratio = Math.min(2, devicePixelRatio)
  const [wide, high] = [Math.round(innerWidth * ratio), Math.round(innerHeight * ratio)]
  if (field.width !== wide || field.height !== high) Object.assign(field, { width: wide, height: high })
  const scale = Math.max(Math.min(wide / size.width, high / size.height), Math.min(wide / NARROW, high / size.height))
  const spare = wide - size.width * scale
  const left = spare >= 0 || !mine ? spare / 2 : Math.min(0, Math.max(spare, wide / 2 - mine.x * scale))
  return { scale, left, top: (high - size.height * scale) / 2 }
}

function ship(x, y, angle, seat, hp, mine) {
  paint.save()
  paint.translate(x, y)
  if (mine) {
    paint.strokeStyle = '#ffffffcc'
    paint.lineWidth = 2
    paint.beginPath()
    paint.arc(0, 0, 30, 0, 7)
    paint.stroke()
  }
  paint.fillStyle = '#dfe6ff'
  paint.font = '600 15px system-ui'
  paint.textAlign = 'center'
  paint.fillText(nameOf(seat), 0, -38)
  for (let n = 0; n < size.health; n++) {
    paint.fillStyle = n < hp ? color(seat) : '#ffffff2e'
    paint.fillRect(-17 + n * 12, 32, 10, 4)
  }
  paint.rotate(angle)
  paint.fillStyle = color(seat)
  paint.beginPath()
  paint.moveTo(22, 0)
  paint.lineTo(-15, -14)
  paint.lineTo(-8, 0)
  paint.lineTo(-15, 14)
  paint.fill()
  paint.restore()
}

let frames = 0
function draw(now) {
  requestAnimationFrame(draw)
  const world = match?.game.view(['x', 'y'], ['a'])
  const view = fit(world?.get(`ship ${match?.game.seat}`))
  paint.setTransform(1, 0, 0, 1, 0, 0)
  paint.fillStyle = '#0b1020'
  paint.fillRect(0, 0, field.width, field.height)
  paint.setTransform(view.scale, 0, 0, view.scale, view.left, view.top)
  paint.fillStyle = '#0f1630'
  paint.fillRect(0, 0, size.width, size.height)
  paint.strokeStyle = '#2b3658'
  paint.lineWidth = 2
  paint.strokeRect(0, 0, size.width, size.height)
  paint.fillStyle = '#33406b'
  for (let n = 0; n < 90; n++) paint.fillRect((n * 397) % size.width, (n * 211) % size.height, 2, 2)
  if (!world) return
  for (const [key, thing] of world) {
    if (key === 'gem') {
      const beat = 1 + Math.sin(now / 250) * 0.12
      paint.fillStyle = '#ffe27a'
      paint.beginPath()
      for (const [n, r] of [13, 9, 13, 9].entries()) paint.lineTo(thing.x + Math.cos((n * Math.PI) / 2) * r * beat, thing.y + Math.sin((n * Math.PI) / 2) * r * beat)
      paint.fill()
    } else if (typeof key === 'number') {
      paint.fillStyle = '#fff'
      paint.beginPath()
      paint.arc(thing.x, thing.y, 4, 0, 7)
      paint.fill()
    } else if (thing.hp > 0) {
      const seat = Number(key.slice(5))
      ship(thing.x, thing.y, thing.a, seat, thing.hp, seat === match.game.seat)
    }
  }
  for (const [n, spark] of [...sparks.entries()].reverse()) {
    const age = (now - spark.born) / 700
    if (age > 1) {
      sparks.splice(n, 1)
      continue
    }
    paint.globalAlpha = 1 - age
    paint.fillStyle = spark.color
    paint.fillRect(spark.x + Math.cos(spark.a) * spark.v * age, spark.y + Math.sin(spark.a) * spark.v * age, 5, 5)
    paint.globalAlpha = 1
  }
  if (frames++ % 20 === 0) {
    seats(match.game.seats)
    const trip = match.game.roundTrip_ms
    $('link').textContent = trip === null ? '' : `${Math.round(trip)} ms`
  }
}
requestAnimationFrame(draw)
