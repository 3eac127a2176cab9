/** `import url from '….json?url'`: the build copies the file to the assets, and `url` is its address relative to this module. */
declare module '*?url' {
  const url: string
  export default url
}
