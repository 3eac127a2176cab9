/** The texts of the composer: `composer` in ../texts.ts. */

export const english = {
  bold: 'Bold',
  code: 'Code',
  codeBlock: 'Code block',
  emoji: 'Emoji',
  emojiFailed: 'The emoji could not be loaded. Try again.',
  emojiLoading: 'Loading…',
  formatting: 'Formatting',
  italic: 'Italic',
  link: 'Link',
  list: 'List',
  people: 'People to mention',
  preview: 'Preview',
  quote: 'Quote',
  strike: 'Strikethrough',
  underline: 'Underline',
}

export const chinese: typeof english = {
  bold: '粗体',
  code: '代码',
  codeBlock: '代码块',
  emoji: '表情',
  emojiFailed: '表情加载失败，请再试一次。',
  emojiLoading: '正在加载…',
  formatting: '格式',
  italic: '斜体',
  link: '链接',
  list: '列表',
  people: '可以提及的人',
  preview: '预览',
  quote: '引用',
  strike: '删除线',
  underline: '下划线',
}
