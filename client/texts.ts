/** The texts of the page: one table for each language, all with the same keys. */
import { chinese as composerChinese, english as composerEnglish } from './composer/texts.ts'
import { languageFor, type Language } from './language.ts'

const listed = (names: readonly string[]): string => names.join(', ')
const minutesAndSeconds = (seconds: number): string => (seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`)

const english = {
  language: 'en',
  name: 'English',

  // the log
  anonymous: 'anonymous',
  chat: 'Messages',
  empty: 'Nothing here yet. Say something.',
  gap: 'You were away: some messages are gone',
  edited: 'The room was edited.',
  gone: 'That message is no longer here.',
  unread: 'New since you were here',
  newMessages: (count: number) => (count === 1 ? '1 new message' : `${count} new messages`),
  latest: 'Jump to the latest',
  came: (names: readonly string[]) => `${listed(names)} came in`,
  left: (names: readonly string[]) => `${listed(names)} left`,
  cameAndLeft: (names: readonly string[]) => `${listed(names)} came and left`,
  cameBack: (names: readonly string[]) => `${listed(names)} left and came back`,
  between: '; ',
  more: 'Show more',
  less: 'Show less',
  copy: 'Copy',
  copyCode: 'Copy code',
  copied: 'Copied.',
  notCopied: 'The browser does not let this page copy. The text is selected: copy it by hand.',
  quote: 'Quote',

  // search
  search: 'Search',
  searchIn: 'Search in what is loaded',
  hits: (at: number, count: number) => (count === 0 ? 'nothing found' : `${at} of ${count}`),
  previous: 'Previous',
  next: 'Next',
  close: 'Close',

  // writing
  composer: composerEnglish,
  message: 'Message',
  placeholder: 'Write a message',
  send: 'Send',
  sending: 'Sending…',
  notSent: 'Not sent.',
  sendAgain: 'Send again',
  edit: 'Edit',
  discard: 'Discard',
  toField: 'Skip to writing',

  // people
  people: 'People',
  here: (count: number) => (count === 1 ? '1 person here' : `${count} people here`),
  nobody: 'Nobody with a name is here.',
  you: 'you',
  nick: 'Your name',
  nickHint: 'Choose a name, or stay anonymous.',
  typing: (names: readonly string[]) => {
    if (names.length > 2) return 'Several people are typing…'
    return names.length === 1 ? `${names[0]} is typing…` : `${names.join(' and ')} are typing…`
  },

  // rooms
  rooms: 'Rooms',
  newRoom: 'Go to a room',
  go: 'Go',
  /** For screen readers, after a number. */
  unreadMessages: (count: number): string => (count === 1 ? 'unread message' : 'unread messages'),
  unreadIn: (room: string, count: number) => (count === 1 ? `${room}, 1 unread message` : `${room}, ${count} unread messages`),
  title: (room: string) => `${room} – roomfile`,

  // the connection
  connected: 'connected',
  connecting: 'connecting…',
  offline: 'not connected',
  lost: 'No connection.',
  retryIn: (seconds: number) => `Trying again in ${minutesAndSeconds(seconds)}.`,
  retrying: 'Trying again…',
  retryNow: 'Retry now',
  stopped: 'This room cannot be followed.',
  signedOut: 'You are signed out.',
  signIn: 'Sign in',

  // settings
  settings: 'Settings',
  languages: 'Language',
  theme: 'Theme',
  automatic: 'Automatic',
  light: 'Light',
  dark: 'Dark',
  sound: 'Sound',
  notifications: 'Notifications',
  alertsHint: 'When somebody writes @your name, and while this tab is in the background.',
  notificationsDenied: 'This browser has notifications turned off for this page. The number in the title goes on counting.',
  notificationsMissing: 'Browsers show notifications only for pages that come over https. The number in the title goes on counting.',
  inRoom: (nick: string, room: string) => `${nick} in ${room}`,

  /** By the code of the error. For other codes the server's message is shown, which is in English. */
  errors: {
    nick_taken: 'Somebody with this name is here already. Choose another one.',
    bad_nick: 'A name has 1 to 50 characters, none that turns the direction of writing, and no blanks at its ends.',
    no_token: 'This server asks for a token.',
    bad_room: 'A room is named by 1 to 64 letters, digits, _ or -.',
    room_full: 'This room is full: you can read and write, but not be seen in it.',
    too_many_sessions: 'Too many people are here from your network: you can read and write, but not be seen.',
    unreachable: 'The server cannot be reached.',
  } as Record<string, string>,
}

export type Texts = typeof english

const list = (names: readonly string[]): string => names.join('、')

const chinese: Texts = {
  language: 'zh-CN',
  name: '中文',

  anonymous: '匿名',
  chat: '消息',
  empty: '还没有消息，说点什么吧。',
  gap: '你离开得太久，部分消息已经没有了',
  edited: '聊天记录已被修改。',
  gone: '这条消息已经不在了。',
  unread: '以下是新消息',
  newMessages: (count) => `${count} 条新消息`,
  latest: '跳到最新消息',
  came: (names) => `${list(names)} 进来了`,
  left: (names) => `${list(names)} 离开了`,
  cameAndLeft: (names) => `${list(names)} 来过又走了`,
  cameBack: (names) => `${list(names)} 离开后又回来了`,
  between: '；',
  more: '展开',
  less: '收起',
  copy: '复制',
  copyCode: '复制代码',
  copied: '已复制。',
  notCopied: '浏览器不允许本页复制。文字已选中，请手动复制。',
  quote: '引用',

  search: '搜索',
  searchIn: '在已加载的消息中搜索',
  hits: (at, count) => (count === 0 ? '没有找到' : `第 ${at} 条，共 ${count} 条`),
  previous: '上一条',
  next: '下一条',
  close: '关闭',

  composer: composerChinese,
  message: '消息',
  placeholder: '写点什么',
  send: '发送',
  sending: '发送中…',
  notSent: '没有发出。',
  sendAgain: '重新发送',
  edit: '修改',
  discard: '丢弃',
  toField: '跳到输入框',

  people: '成员',
  here: (count) => `${count} 人在线`,
  nobody: '还没有署名的人在这里。',
  you: '你',
  nick: '你的名字',
  nickHint: '取个名字，也可以匿名。',
  typing: (names) => (names.length > 2 ? '好几个人正在输入…' : `${names.join('和')}正在输入…`),

  rooms: '房间',
  newRoom: '进入房间',
  go: '进入',
  unreadMessages: () => '条未读',
  unreadIn: (room, count) => `${room}，${count} 条未读`,
  title: (room) => `${room} – 聊天室`,

  connected: '已连接',
  connecting: '正在连接…',
  offline: '未连接',
  lost: '连接已断开。',
  retryIn: (seconds) => (seconds < 60 ? `${seconds} 秒后重试。` : `${Math.floor(seconds / 60)} 分 ${seconds % 60} 秒后重试。`),
  retrying: '正在重试…',
  retryNow: '立即重试',
  stopped: '无法进入这个房间。',
  signedOut: '登录已失效。',
  signIn: '登录',

  settings: '设置',
  languages: '语言',
  theme: '主题',
  automatic: '自动',
  light: '浅色',
  dark: '深色',
  sound: '声音',
  notifications: '通知',
  alertsHint: '有人写“@你的名字”时，以及本标签页在后台时提醒。',
  notificationsDenied: '浏览器已禁止本页的通知；标题上的数字照样计数。',
  notificationsMissing: '浏览器只允许 https 页面发通知；标题上的数字照样计数。',
  inRoom: (nick, room) => `${nick}（${room}）`,

  errors: {
    nick_taken: '这个名字已经有人在用了，请换一个。',
    bad_nick: '名字须为 1 到 50 个字符，不能含有改变文字方向的字符，首尾不能有空格。',
    no_token: '这个服务器需要口令。',
    unreachable: '连不上服务器。',
    bad_room: '房间名须为 1 到 64 个文字、数字、_ 或 -。',
    empty_message: '消息是空的。',
    too_large: '消息太长了。',
    too_many_posts: '发得太快了，请稍等一下。',
    too_many_polls: '来自这个地址的连接太多了。',
    too_many_connections: '来自这个地址的连接太多了。',
    too_many_new_rooms: '新房间建得太快了，请稍等一下。',
    too_many_rooms: '房间已满，不能再建新的。',
    room_full: '这个房间人满了：你仍可阅读和发言，但不会出现在名单里。',
    too_many_sessions: '来自这个网络的人太多了：你仍可阅读和发言，但不会出现在名单里。',
    no_directory: '服务器无法使用存放房间的目录。',
    foreign_origin: '服务器不允许其他网站的页面这样做。',
    foreign_host: '服务器只在本机上，不能用这个地址访问。',
    no_room: '没有这个房间。',
    not_found: '这个地址上什么也没有。',
    no_session: '会话已经结束。',
    internal: '服务器出错了。',
    not_kept: '服务器无法写入这条消息。',
    not_readable: '服务器无法读取这个房间。',
    room_busy: '这个房间正被另一个进程占用，请稍后再试。',
    disk_full: '服务器的磁盘满了。',
    not_roomfile: '应答不是来自 roomfile，中间可能有代理或登录页。',
    redirected: '服务器重定向到另一个地址，客户端没有跟随。',
    answer_too_large: '服务器的应答太大了。',
    timeout: '服务器没有及时应答。',
  },
}

const TEXTS: Record<Language, Texts> = { en: english, zh: chinese }

/** @param tag a language tag that somebody chose, or `''` for the browser's languages */
export function textsFor(tag: string): Texts {
  return TEXTS[languageFor(tag)]
}

/** The text of an error: by its code, or else the server's message. Errors without a code come from the network, and are all `unreachable`. */
export function errorText(error: Error & { code?: unknown }, texts: Texts): string {
  const code = typeof error.code === 'string' ? error.code : 'unreachable'
  return texts.errors[code] ?? error.message
}
