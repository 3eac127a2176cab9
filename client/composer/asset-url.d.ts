/** `import url from '….json?url'`: build.ts puts the file beside the scripts and gives its address, relative to the module. */
declare module '*?url' {
  const url: string
  export default url
}
