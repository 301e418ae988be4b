/** The four stages of one connection as numbers, from the browser's statistics (W3C webrtc-stats). Pure. */

export type Stat = { readonly type: string; readonly id: string } & Readonly<Record<string, unknown>>
export type Stats = ReadonlyMap<string, Stat>

export interface Candidate {
  readonly id: string
  readonly kind: string
  readonly protocol: string
  readonly address: string
  readonly port: number
}

export interface Pair {
  readonly id: string
  readonly local: Candidate | null
  readonly remote: Candidate | null
  readonly state: string
  readonly selected: boolean
  readonly roundTrip_ms: number | null
  readonly checksSent: number
  readonly checksAnswered: number
}

export interface Securing {
  readonly state: string
  readonly role: string
  readonly dtls: string
  readonly dtlsCipher: string
  readonly srtpCipher: string
  readonly ownFingerprint: string
  readonly theirFingerprint: string
}

export interface Flow {
  readonly id: string
  readonly sent: boolean
  readonly kind: string
  readonly codec: string
  readonly packets: number
  readonly kbps: number | null
  readonly lost: number
  readonly jitter_ms: number | null
  readonly roundTrip_ms: number | null
  readonly asked: number
  readonly keyFramesAsked: number
  readonly picture: string
  readonly layer: string
}

export interface DataChannel {
  readonly id: string
  readonly label: string
  readonly state: string
  readonly sent: number
  readonly received: number
}

export interface Report {
  readonly role: string
  readonly locals: readonly Candidate[]
  readonly remotes: readonly Candidate[]
  readonly pairs: readonly Pair[]
  readonly securing: Securing | null
  readonly flows: readonly Flow[]
  readonly channels: readonly DataChannel[]
  readonly sentBytes: number
  readonly receivedBytes: number
}

const num = (stat: Stat | undefined, key: string): number => {
  const value = stat?.[key]
  return typeof value === 'number' ? value : 0
}
const maybe = (stat: Stat | undefined, key: string): number | null => {
  const value = stat?.[key]
  return typeof value === 'number' ? value : null
}
const text = (stat: Stat | undefined, key: string): string => {
  const value = stat?.[key]
  return typeof value === 'string' ? value : ''
}
const ms = (seconds: number | null): number | null => (seconds === null ? null : seconds * 1_000)

export function report(now: Stats, before: Stats | null): Report {
  const all = [...now.values()]
  const of = (type: string): Stat[] => all.filter((one) => one.type === type)
  const transport = of('transport')[0]
  const selected = selectedPair(all, transport)
  return {
    role: text(transport, 'iceRole'),
    locals: of('local-candidate').map(candidateOf),
    remotes: of('remote-candidate').map(candidateOf),
    pairs: of('candidate-pair')
      .map((one) => pairOf(one, now, selected))
      .sort((a, b) => Number(b.selected) - Number(a.selected)),
    securing: transport ? securingOf(transport, now) : null,
    flows: [...of('outbound-rtp'), ...of('inbound-rtp')].map((one) => flowOf(one, now, before?.get(one.id))),
    channels: of('data-channel').map((one) => ({
      id: one.id,
      label: text(one, 'label'),
      state: text(one, 'state'),
      sent: num(one, 'messagesSent'),
      received: num(one, 'messagesReceived'),
    })),
    sentBytes: num(transport, 'bytesSent') || num(selected, 'bytesSent'),
    receivedBytes: num(transport, 'bytesReceived') || num(selected, 'bytesReceived'),
  }
}

/** Firefox has no transport statistics: there the nominated pair that works is the one. */
function selectedPair(all: readonly Stat[], transport: Stat | undefined): Stat | undefined {
  const id = text(transport, 'selectedCandidatePairId')
  const pairs = all.filter((one) => one.type === 'candidate-pair')
  return (
    pairs.find((one) => one.id === id) ??
    pairs.find((one) => one['selected'] === true) ??
    pairs.find((one) => one['nominated'] === true && one['state'] === 'succeeded')
  )
}

function candidateOf(stat: Stat): Candidate {
  return {
    id: stat.id,
    kind: text(stat, 'candidateType'),
    protocol: text(stat, 'protocol'),
    address: text(stat, 'address') || text(stat, 'ip'),
    port: num(stat, 'port'),
  }
}

function pairOf(stat: Stat, now: Stats, selected: Stat | undefined): Pair {
  const local = now.get(text(stat, 'localCandidateId'))
  const remote = now.get(text(stat, 'remoteCandidateId'))
  return {
    id: stat.id,
    local: local ? candidateOf(local) : null,
    remote: remote ? candidateOf(remote) : null,
    state: text(stat, 'state'),
    selected: stat === selected,
    roundTrip_ms: ms(maybe(stat, 'currentRoundTripTime')),
    checksSent: num(stat, 'requestsSent'),
    checksAnswered: num(stat, 'responsesReceived'),
  }
}

function securingOf(transport: Stat, now: Stats): Securing {
  const fingerprint = (key: string): string => {
    const certificate = now.get(text(transport, key))
    const value = text(certificate, 'fingerprint')
    return value ? `${text(certificate, 'fingerprintAlgorithm')} ${value}` : ''
  }
  return {
    state: text(transport, 'dtlsState'),
    role: text(transport, 'dtlsRole'),
    dtls: versionName(text(transport, 'tlsVersion')),
    dtlsCipher: text(transport, 'dtlsCipher'),
    srtpCipher: text(transport, 'srtpCipher'),
    ownFingerprint: fingerprint('localCertificateId'),
    theirFingerprint: fingerprint('remoteCertificateId'),
  }
}

/** The wire's version numbers (RFC 6347 §4.1, RFC 9147 §5.3). */
function versionName(hex: string): string {
  switch (hex.toUpperCase()) {
    case 'FEFF':
      return 'DTLS 1.0'
    case 'FEFD':
      return 'DTLS 1.2'
    case 'FEFC':
      return 'DTLS 1.3'
    default:
      return hex && `DTLS ${hex}`
  }
}

function flowOf(stat: Stat, now: Stats, before: Stat | undefined): Flow {
  const sent = stat.type === 'outbound-rtp'
  const far = now.get(text(stat, 'remoteId'))
  const codec = now.get(text(stat, 'codecId'))
  const bytes = sent ? 'bytesSent' : 'bytesReceived'
  const seconds = before ? (num(stat, 'timestamp') - num(before, 'timestamp')) / 1_000 : 0
  const width = num(stat, 'frameWidth')
  return {
    id: stat.id,
    sent,
    kind: text(stat, 'kind'),
    codec: text(codec, 'mimeType').replace(/^\w+\//, ''),
    packets: num(stat, sent ? 'packetsSent' : 'packetsReceived'),
    kbps: seconds > 0 ? ((num(stat, bytes) - num(before, bytes)) * 8) / seconds / 1_000 : null,
    lost: num(sent ? far : stat, 'packetsLost'),
    jitter_ms: ms(maybe(sent ? far : stat, 'jitter')),
    roundTrip_ms: ms(maybe(far, 'roundTripTime')),
    asked: num(stat, 'nackCount'),
    keyFramesAsked: num(stat, 'pliCount') + num(stat, 'firCount'),
    picture: width > 0 ? `${width}×${num(stat, 'frameHeight')}, ${Math.round(num(stat, 'framesPerSecond'))}/s` : '',
    layer: text(stat, 'rid') || text(stat, 'scalabilityMode'),
  }
}
