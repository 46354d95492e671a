// The log: one JSON line an event on standard error, or the same for eyes on a terminal. What a command prints goes to
// standard output, so the two can be told apart.
import { pino } from 'pino';
import pretty from 'pino-pretty';
const STDERR = 2;
export const makeLog = ({ logLevel, logFormat }, isTerminal) => {
    const forEyes = logFormat === 'pretty' || (logFormat === 'auto' && isTerminal);
    const options = { level: logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime };
    return forEyes
        ? pino(options, pretty({ destination: STDERR, sync: true, colorize: isTerminal, translateTime: 'SYS:HH:MM:ss.l' }))
        : pino(options, pino.destination({ dest: STDERR, sync: true }));
};
//# sourceMappingURL=log.js.map