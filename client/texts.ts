/**
 * What the page says, in the languages it speaks: one table, one column a language.
 * Knows words and how dates are written; knows nothing of rooms or elements.
 */

import { chinese as composerChinese, english as composerEnglish } from './composer-texts.ts'

const english = {
  language: 'en',
  anonymous: 'anonymous',
  chat: 'Messages',
  composer: composerEnglish,
  connected: 'connected',
  connecting: 'connecting…',
  edited: 'The room was edited.',
  empty: 'Nothing here yet. Say something.',
  gap: 'some messages are gone',
  joined: (nick: string) => `${nick} came in`,
  left: (nick: string) => `${nick} left`,
  lost: 'No connection.',
  message: 'Message',
  name: 'Your name',
  newMessages: (count: number) => (count === 1 ? '1 new message' : `${count} new messages`),
  notSent: 'Not sent:',
  placeholder: 'Write a message',
  retryIn: (seconds: number) => (seconds > 0 ? ` Trying again in ${seconds} s.` : ' Trying again…'),
  retryNow: 'Retry now',
  rooms: 'Rooms',
  send: 'Send',
  sending: 'Sending…',
  stopped: 'This room cannot be followed:',
  title: (room: string) => `${room} – roomfile`,
  unreachable: 'the server cannot be reached. The text stays here; send it again when you like.',
}

export type Texts = typeof english

const chinese: Texts = {
  language: 'zh-CN',
  anonymous: '匿名',
  chat: '消息',
  composer: composerChinese,
  connected: '已连接',
  connecting: '正在连接…',
  edited: '聊天记录已被修改。',
  empty: '还没有消息，说点什么吧。',
  gap: '部分消息已不在',
  joined: (nick) => `${nick} 进来了`,
  left: (nick) => `${nick} 离开了`,
  lost: '连接已断开。',
  message: '消息',
  name: '你的名字',
  newMessages: (count) => `${count} 条新消息`,
  notSent: '没有发出：',
  placeholder: '写点什么',
  retryIn: (seconds) => (seconds > 0 ? `${seconds} 秒后重试。` : '正在重试…'),
  retryNow: '立即重试',
  rooms: '房间',
  send: '发送',
  sending: '发送中…',
  stopped: '无法进入这个房间：',
  title: (room) => `${room} – 聊天室`,
  unreachable: '连不上服务器。文字还在，稍后可以再发。',
}

/** The texts for a language tag as `navigator.language` has it; English for those that the page does not speak. */
export function textsFor(language: string): Texts {
  return /^zh\b/i.test(language) ? chinese : english
}

export interface Clock {
  /** `14:05` */
  time: (timestamp: number) => string
  /** The day, for the line between two days. */
  day: (timestamp: number) => string
  /** Day and time in full. */
  full: (timestamp: number) => string
}

/** How a language writes times, in the reader's time zone. */
export function clockFor(language: string): Clock {
  const time = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'full' })
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'medium' })
  return { time: (at) => time.format(at), day: (at) => day.format(at), full: (at) => full.format(at) }
}
