/** The environment to start again with; null: go on as it is. */
export declare const environmentForAllCores: (args: readonly string[], env: Readonly<Record<string, string | undefined>>, cores: number) => Readonly<Record<string, string | undefined>> | null;
/** This program once more with another environment; answers its exit code. */
export declare const startAgain: (env: Readonly<Record<string, string | undefined>>) => Promise<number>;
