// RFC 4180, as `user import` reads it.
import t from 'tap';
import { parseCsv } from '../../lib/cli/csv.js';
const fields = (text) => parseCsv(text).map(row => row.fields);
t.test('lines end as on any system, the last need not end', async (t) => {
    for (const end of ['\n', '\r\n'])
        t.same(fields(`a,b${end}c,d${end}`), [['a', 'b'], ['c', 'd']]);
    t.same(fields('a,b\nc,d'), [['a', 'b'], ['c', 'd']]);
    t.same(fields(''), []);
});
t.test('quoted fields hold commas, quotes and line ends', async (t) => {
    t.same(fields('"a,b","say ""hi"""\n"x\ny",z\n'), [['a,b', 'say "hi"'], ['x\ny', 'z']]);
    t.same(fields('a,""\n"",b'), [['a', ''], ['', 'b']]);
    t.same(fields('a"b,c'), [['a"b', 'c']], 'inside an unquoted field a quote is a letter');
});
t.test('each row knows the line it begins in', async (t) => {
    t.same(parseCsv('a\n\n"b\nc",d\r\ne\n').map(row => row.line), [1, 3, 5]);
});
t.test('empty fields count, empty lines do not, a byte order mark is no letter', async (t) => {
    t.same(fields('\uFEFFa,\n\n,b\n,\n'), [['a', ''], ['', 'b'], ['', '']]);
});
t.test('a wrong quote is refused with its line', async (t) => {
    t.throws(() => parseCsv('a\n"b'), { name: 'UsageError', message: /^line 2: .*never closed/ });
    t.throws(() => parseCsv('a\n\n"b"c'), { name: 'UsageError', message: /^line 3: something follows/ });
});
//# sourceMappingURL=csv.js.map