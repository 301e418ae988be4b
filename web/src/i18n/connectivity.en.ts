/** English for the page that tells what a network lets through; loaded with it. */

export const connectivityEn = {
  title: 'Does a call get through?',
  lead: 'Your browser tries each way to this server by itself. Nothing of yours is sent: no camera, no microphone.',
  back: 'To the start',
  running: 'Trying each way …',
  again: 'Try again',
  unreachable: { title: 'The server does not answer', text: 'The page is there, but its server was not reachable just now. Try again in a moment.' },
  verdicts: {
    good: { title: 'Calls get through well', text: 'UDP is open from here: pictures and voices take the quickest way.' },
    slower: { title: 'Calls get through, by a detour', text: 'Your network stops UDP. Pictures and voices go over TCP then, which may stutter when the network is busy.' },
    closed: { title: 'Pages get through, calls do not', text: 'None of the ways for pictures and voices is open from this network.' },
    unserved: { title: 'There is nothing to try here', text: 'This server offers neither STUN nor TURN. It does so by itself when other machines can reach it.' },
  },
  waysTitle: 'Ways to the server',
  ways: {
    udp: { title: 'UDP', text: 'The quickest: what is lost is not waited for.' },
    tcp: { title: 'TCP', text: 'Where UDP is stopped.' },
    tls: { title: 'TLS', text: 'Looks like any secure page: passes the narrowest firewalls, on port 443.' },
  },
  states: { open: 'open', closed: 'closed', absent: 'not offered' },
  answered: (ms: string) => `answered after ${ms} ms`,
  relays: 'lends an address (TURN)',
  lendsNone: 'answers, but lent no address (TURN)',
  target: (host: string, port: string) => `${host}, port ${port}`,
  networkTitle: 'Your network',
  roundTrip: 'Round trip to the server',
  addresses: 'Addresses of this browser',
  families: { ipv4: 'IPv4', ipv6: 'IPv6', hidden: 'kept private by the browser' },
  seen: 'Seen from outside as',
  lent: 'Lent by the server',
  natName: 'NAT between you and the server',
  nats: {
    none: 'None: the server sees this device’s own address.',
    same: 'None, or one that keeps its port: direct calls between devices usually work.',
    changing: 'One that takes another port for each destination (“symmetric”). Direct calls need the server’s relay; calls through the server do not.',
    unknown: 'Cannot be told from here.',
  },
  none: 'none',
  todoTitle: 'What to open, and where',
  todo: {
    intro: 'For whoever runs the network you are in, or the server’s firewall:',
    udp: (host: string, port: string) => `Let UDP out to ${host}, port ${port}, and to the server’s media port (UDP 7882 unless set otherwise).`,
    tcp: (host: string, port: string) => `Let TCP out to ${host}, port ${port}.`,
    tls: (host: string, port: string) => `Let TCP out to ${host}, port ${port}. If only 443 is open in your network, the server can serve TURN over TLS there (turn-tls-port). Browsers also refuse it with a certificate they do not trust.`,
    absentTls: 'This server offers no TURN over TLS. With a certificate it can: turn-tls-port, best on 443.',
    vpn: 'A VPN or a security program on this device may be in the way: try without it, or by a phone’s network.',
  },
}

export type ConnectivityWords = typeof connectivityEn
