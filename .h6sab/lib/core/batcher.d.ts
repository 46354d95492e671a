export interface Batcher<In, Out> {
    (item: In): Promise<Out>;
}
/**
 * @param run answers a batch, one result an item, in order; its error is everybody's
 * @param most items in one batch
 * @param limit items waiting; one more is refused with resource-constraint
 */
export declare const makeBatcher: <In, Out>(run: (items: readonly In[]) => Promise<readonly Out[]>, most: number, limit: number) => Batcher<In, Out>;
