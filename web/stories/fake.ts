/** A room of invented people. Implements RoomSession, so that screens cannot tell. */

import { REACTIONS } from '../src/room/reactions'
import type { ChatLine, ParticipantView, PlayableTrack, RoomSession, RoomSnapshot, ScreenView } from '../src/room/snapshot'

const NAMES = 'Ada Lovelace,Jonas Weber,Mei-Ling Chen,Omar Haddad,Sofia Rossi,Kwame Mensah,Ingrid Nilsen,Lucas Pereira,Aiko Tanaka,Zoë Dubois,Tomasz Nowak,Priya Raman'.split(',')

/** A moving picture: a gradient with a figure, or a page of text for a screen. */
function picture(hue: number, screen = false): PlayableTrack {
  const canvas = document.createElement('canvas')
  canvas.width = screen ? 1600 : 960
  canvas.height = screen ? 1000 : 540
  const pen = canvas.getContext('2d')
  if (!pen) throw new Error('no canvas')
  const draw = (): void => {
    const { width, height } = canvas
    if (screen) {
      pen.fillStyle = '#fdfcf8'
      pen.fillRect(0, 0, width, height)
      pen.fillStyle = '#22302a'
      pen.font = '600 54px sans-serif'
      pen.fillText('Spring plan', 110, 150)
      for (let row = 0; row < 9; row++) {
        pen.fillStyle = row % 3 === 0 ? '#0b6b4f' : '#c8d2cc'
        pen.fillRect(110, 220 + row * 74, 1380 * (0.45 + 0.5 * Math.abs(Math.sin(row * 2.1))), 32)
      }
      return
    }
    const sky = pen.createLinearGradient(0, 0, width, height)
    sky.addColorStop(0, `hsl(${hue} 32% 62%)`)
    sky.addColorStop(1, `hsl(${hue + 40} 30% 38%)`)
    pen.fillStyle = sky
    pen.fillRect(0, 0, width, height)
    pen.fillStyle = `hsl(${hue + 180} 22% 30%)`
    pen.beginPath()
    pen.ellipse(width / 2, height * 1.05, 230, 260, 0, 0, 7)
    pen.fill()
    pen.fillStyle = `hsl(${(hue * 7) % 40} 42% 66%)`
    pen.beginPath()
    pen.ellipse(width / 2, height * 0.45, 92, 116, 0, 0, 7)
    pen.fill()
  }
  draw()
  setInterval(draw, 200)
  const stream = canvas.captureStream(5)
  return {
    sid: `TR_${hue}`,
    attach(element) {
      element.srcObject = stream
      return element
    },
    detach(element) {
      element.srcObject = null
      return element
    },
  }
}

function people(count: number, hands: boolean): ParticipantView[] {
  return Array.from({ length: count }, (_, i) => ({
    identity: `guest_${i}`,
    name: NAMES[i % NAMES.length] ?? '',
    isLocal: i === 0,
    speaking: i === 1,
    micOn: i % 4 !== 2,
    hasMic: true,
    camera: i % 3 === 2 ? null : picture((i * 47) % 360),
    quality: i % 7 === 3 ? 'poor' : i % 5 === 4 ? 'good' : 'excellent',
    sharing: false,
    role: i === 0 ? 'host' : i === 2 ? 'cohost' : i === 4 ? 'listener' : 'speaker',
    handAt: hands && (i === 3 || i === 1) ? 100 - i : 0,
  }))
}

const said = (id: number, who: number, text: string): ChatLine => ({
  id: String(id),
  identity: `guest_${who}`,
  name: NAMES[who] ?? '',
  isLocal: who === 0,
  text,
  at: new Date(2026, 2, 4, 10, 20).getTime() + id * 45_000,
  edited: id === 5,
})

const TALK: ChatLine[] = [
  said(0, 1, 'Good morning! Does the sound work for everyone?'),
  said(1, 0, 'Loud and clear here'),
  said(2, 2, 'Same. Notes from last week are at https://notes.example.org/spring-plan?week=9#open-points'),
  said(3, 2, 'I would start with the second point.'),
  said(4, 3, 'Agreed 👍'),
  said(5, 0, 'Then let us begin. I will share my screen in a moment, give me a second to find the right window.'),
  said(8, 4, 'صباح الخير'),
]

export function fakeSession(query: URLSearchParams): RoomSession {
  const count = Number(query.get('people') ?? 4)
  const own = query.get('share') === 'own'
  const screens: ScreenView[] = query.has('share')
    ? [{ id: 's1', identity: own ? 'guest_0' : 'guest_1', name: NAMES[own ? 0 : 1] ?? '', isLocal: own, track: picture(1, true) }]
    : []
  const listeners = new Set<() => void>()
  let now: RoomSnapshot = {
    room: query.get('room') ?? 'amber-willow-otter-482',
    path: `/r/${query.get('room') ?? 'amber-willow-otter-482'}`,
    direct: query.has('direct'),
    phase: query.has('reconnecting') ? 'reconnecting' : 'connected',
    end: null,
    participants: people(count, query.has('hands')),
    screens,
    chat: query.has('quiet') ? [] : TALK,
    mic: query.has('muted') ? 'off' : 'on',
    camera: query.has('muted') ? 'off' : 'on',
    share: own ? 'on' : 'off',
    canPublish: !query.has('listening'),
    canChat: true,
    audioBlocked: query.has('blocked'),
    notices: query.has('notices')
      ? [
          { id: 1, notice: { kind: 'joined', name: 'Sofia Rossi' } },
          { id: 2, notice: { kind: 'device', device: 'camera', problem: 'busy' } },
        ]
      : [],
    meeting: query.has('direct')
      ? null
      : {
          role: 'host',
          reactions: query.has('reactions') ? REACTIONS.map((reaction, id) => ({ id: id + 3, identity: `guest_${id}`, name: NAMES[id] ?? '', reaction, at_ms: 0 })) : [],
          captions: query.has('captions')
            ? [
                { id: 'a', name: 'Jonas Weber', text: 'So the first point is the garden, and who waters it in summer.', final: true, at_ms: 0 },
                { id: 'b', name: 'Mei-Ling Chen', text: 'I could take July', final: false, at_ms: 0 },
              ]
            : [],
          house: {
            rules: { preset: 'call', guest: 'speaker', speak: 'speaker', share: 'speaker', chat: 'listener', lobby: query.has('waiting'), locked: false, quiet: false },
            waiting: query.has('waiting') ? [{ identity: 'w1', name: 'Noor Haddad' }, { identity: 'w2', name: 'Ben Okafor' }] : [],
          },
        },
  }
  const change = (next: Partial<RoomSnapshot>): Promise<void> => {
    now = { ...now, ...next }
    for (const listener of listeners) listener()
    return Promise.resolve()
  }
  return {
    meeting: { setHand: () => Promise.resolve(), react: () => Promise.resolve(), moderate: () => Promise.resolve(true) },
    subscribe(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    snapshot: () => now,
    setMic: (on) => change({ mic: on ? 'on' : 'off' }),
    setCamera: (on) => change({ camera: on ? 'on' : 'off' }),
    setShare: (on) => change({ share: on ? 'on' : 'off' }),
    sendChat: (text) =>
      change({ chat: [...now.chat, { ...said(now.chat.length + 20, 0, text), at: Date.now() }] }).then(() => true),
    startAudio: () => change({ audioBlocked: false }),
    devices: (kind) =>
      Promise.resolve({
        devices: [
          { id: 'a', label: kind === 'videoinput' ? 'FaceTime HD Camera' : 'Built-in' },
          { id: 'b', label: kind === 'videoinput' ? 'USB Camera (046d:0825)' : 'Headset' },
        ],
        active: 'a',
      }),
    useDevice: () => Promise.resolve(),
    dismiss: (id) => void change({ notices: now.notices.filter((one) => one.id !== id) }),
    leave: () => change({ phase: 'ended', end: 'left' }),
  }
}
