/** Deutsch für die Seite, die sagt, was ein Netz durchlässt. */

import type { ConnectivityWords } from './connectivity.en'

export const connectivityDe: ConnectivityWords = {
  title: 'Kommt ein Anruf durch?',
  lead: 'Dein Browser probiert jeden Weg zu diesem Server einzeln. Nichts von dir wird gesendet: keine Kamera, kein Mikrofon.',
  back: 'Zum Anfang',
  running: 'Jeder Weg wird probiert …',
  again: 'Noch einmal',
  unreachable: { title: 'Der Server antwortet nicht', text: 'Die Seite ist da, aber ihr Server war gerade nicht zu erreichen. Versuche es gleich noch einmal.' },
  verdicts: {
    good: { title: 'Anrufe kommen gut durch', text: 'UDP ist von hier aus offen: Bild und Ton nehmen den schnellsten Weg.' },
    slower: { title: 'Anrufe kommen auf Umwegen durch', text: 'Dein Netz hält UDP auf. Bild und Ton gehen dann über TCP; bei vollem Netz kann es stocken.' },
    closed: { title: 'Seiten kommen durch, Anrufe nicht', text: 'Keiner der Wege für Bild und Ton ist aus diesem Netz offen.' },
    unserved: { title: 'Hier gibt es nichts zu probieren', text: 'Dieser Server bietet weder STUN noch TURN an. Er tut es von selbst, wenn andere Geräte ihn erreichen können.' },
  },
  waysTitle: 'Wege zum Server',
  ways: {
    udp: { title: 'UDP', text: 'Der schnellste: Auf Verlorenes wird nicht gewartet.' },
    tcp: { title: 'TCP', text: 'Wo UDP aufgehalten wird.' },
    tls: { title: 'TLS', text: 'Sieht aus wie jede sichere Seite: kommt auf Port 443 durch die engsten Firewalls.' },
  },
  states: { open: 'offen', closed: 'zu', absent: 'nicht angeboten' },
  answered: (ms) => `Antwort nach ${ms} ms`,
  relays: 'leiht eine Adresse (TURN)',
  lendsNone: 'antwortet, lieh aber keine Adresse (TURN)',
  target: (host, port) => `${host}, Port ${port}`,
  networkTitle: 'Dein Netz',
  roundTrip: 'Hin und zurück zum Server',
  addresses: 'Adressen dieses Browsers',
  families: { ipv4: 'IPv4', ipv6: 'IPv6', hidden: 'vom Browser verborgen' },
  seen: 'Von außen gesehen als',
  lent: 'Vom Server geliehen',
  natName: 'NAT zwischen dir und dem Server',
  nats: {
    none: 'Keines: Der Server sieht die eigene Adresse dieses Geräts.',
    same: 'Keines, oder eines, das seinen Port behält: Direkte Anrufe zwischen Geräten gelingen meist.',
    changing: 'Eines, das für jedes Ziel einen anderen Port nimmt („symmetrisch“). Direkte Anrufe brauchen das Relais des Servers, Anrufe über den Server nicht.',
    unknown: 'Von hier aus nicht zu erkennen.',
  },
  none: 'keine',
  todoTitle: 'Was wo zu öffnen ist',
  todo: {
    intro: 'Für die, die dein Netz oder die Firewall des Servers betreuen:',
    udp: (host, port) => `UDP hinaus zu ${host}, Port ${port}, und zum Medien-Port des Servers (UDP 7882, wenn nicht anders eingestellt).`,
    tcp: (host, port) => `TCP hinaus zu ${host}, Port ${port}.`,
    tls: (host, port) => `TCP hinaus zu ${host}, Port ${port}. Ist in deinem Netz nur 443 offen, kann der Server TURN über TLS dort anbieten (turn-tls-port). Auch mit einem Zertifikat, dem der Browser nicht traut, bleibt dieser Weg zu.`,
    absentTls: 'Dieser Server bietet kein TURN über TLS an. Mit einem Zertifikat kann er es: turn-tls-port, am besten auf 443.',
    vpn: 'Ein VPN oder ein Sicherheitsprogramm auf diesem Gerät kann im Weg sein: Versuche es ohne, oder über das Netz eines Telefons.',
  },
}
