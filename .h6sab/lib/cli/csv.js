// RFC 4180: comma-separated fields, those in quotes may hold commas, line ends and doubled quotes.
import { UsageError } from '../base/errors.js';
/** Empty lines are left out. Throws UsageError with the line where a quote is wrong. */
export const parseCsv = (text) => {
    const rows = [];
    let fields = [];
    let line = 1;
    let begin = 1;
    let at = text.startsWith('\uFEFF') ? 1 : 0;
    while (at < text.length) {
        const { field, end } = text[at] === '"' ? quoted(text, at, line) : plain(text, at);
        line += field.split('\n').length - 1;
        fields.push(field);
        at = end;
        if (text[at] === ',') {
            at++;
            if (at < text.length && !/[\r\n]/.test(text[at]))
                continue;
            fields.push(''); // a comma at the end of a line: one more field, empty
        }
        if (fields.length > 1 || fields[0] !== '')
            rows.push({ line: begin, fields });
        fields = [];
        if (text[at] === '\r')
            at++;
        if (text[at] === '\n')
            at++;
        begin = ++line;
    }
    return rows;
};
const plain = (text, from) => {
    let end = from;
    while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r')
        end++;
    return { field: text.slice(from, end), end };
};
const quoted = (text, from, line) => {
    let field = '';
    let begin = from + 1;
    for (;;) {
        const quote = text.indexOf('"', begin);
        if (quote < 0)
            throw new UsageError(`line ${line}: a quote is opened and never closed`);
        field += text.slice(begin, quote);
        if (text[quote + 1] === '"') {
            field += '"';
            begin = quote + 2;
            continue;
        }
        const next = text[quote + 1];
        if (next !== undefined && !/[,\r\n]/.test(next))
            throw new UsageError(`line ${line}: something follows a closing quote`);
        return { field, end: quote + 1 };
    }
};
//# sourceMappingURL=csv.js.map