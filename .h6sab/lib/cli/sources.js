// The settings of a command: its flags, the environment, and jidway.toml (in the current folder, or --config FILE).
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { readSettings } from '../base/config.js';
import { UsageError } from '../base/errors.js';
const FILE = 'jidway.toml';
/** `config` null: jidway.toml, if it is there. Throws UsageError for what cannot be read or is wrong in it. */
export const settingsFor = (flags, env, config) => {
    const file = config ?? FILE;
    return readSettings({ flags, env, toml: readToml(file, config !== null), tomlName: basename(file) });
};
const readToml = (file, mustBe) => {
    const text = readText(file, mustBe);
    try {
        return parse(text);
    }
    catch (error) {
        if (error instanceof TomlError)
            throw new UsageError(`${file}: ${error.message.trim()}`);
        throw error;
    }
};
const readText = (file, mustBe) => {
    try {
        return readFileSync(file, 'utf8');
    }
    catch (error) {
        if (!mustBe && error.code === 'ENOENT')
            return '';
        throw new UsageError(`${file} cannot be read: ${error.message}`);
    }
};
//# sourceMappingURL=sources.js.map