/** The dots of `GRID` that are land; see `land.ts` beside the configuration of Vite. */
declare module "virtual:land" {
  const bits: string;
  export default bits;
}
