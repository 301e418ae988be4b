/** Readable random room names: about 41 million, hard enough to guess for a call and easy to say. Pure but for `random`. */

const ADJECTIVES = 'amber bold brave bright brisk calm candid clear clever cosy crisp daring eager early easy fair fancy fine fond fresh gentle glad golden grand green happy honest jolly keen kind lively loyal lucky mellow merry mild misty neat nimble noble open plain polite proud quick quiet rapid ready rosy round royal sage shiny silver snug soft solid spry still sunny sweet swift tidy vivid warm wise witty young zesty'.split(' ')
const NOUNS = 'acorn anchor apple badger beacon birch bison bridge brook canyon cedar cherry clover comet coral crane creek cricket daisy delta dune eagle ember falcon fern field finch fjord forest fox garden glade grove harbor hazel heron hill island ivy jasper juniper lagoon lantern lark lemon lily linden lotus lynx maple marble meadow mint moon moss oak ocean olive orchard otter owl panda pebble pepper pine plum pond poppy quail raven reef ridge river robin sail shell sparrow spruce star stone stream summit thistle tulip valley violet walnut willow wren'.split(' ')

/** `random` gives numbers in 0 ≤ n < 1. */
export function randomRoom(random: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? ''
  const number = 100 + Math.floor(random() * 900)
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${pick(NOUNS)}-${number}`
}

/** From the browser's generator: a room's name is what keeps strangers out. */
export function secureRandom(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32
}
