import type { Route } from '../lib/core/route.js';
export declare const offline: Route;
