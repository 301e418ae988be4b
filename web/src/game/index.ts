/** What the games' client gives to others; built as `/game.js`. */

export { GameClient, type GameEvents, type Line } from './game'
export { play, type Match, type MatchEvents, type PlayOptions } from './join'
export { SERVER, TOPIC, type Fields, type Key, type SeatInfo, type Value, type Welcome, type World } from './wire'
export type { Frame } from './worlds'
