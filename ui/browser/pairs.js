/* Which pair of languages is chosen, for all parts of the page. The list at the top says so; nothing is asked of the
   server, so whatever is typed next goes to the pair that can be seen. */
'use strict';
(() => {
    const KEPT = 'pair';
    const watchers = [];
    let pairs = {},
        chosen = '',
        listed = '';

    /* Told once what there is: `all` by the name of the model. The pair that was chosen here last is chosen again, or
       else the `first` one, which the list shows anyway. */
    nmtPage.setPairs = (all, first) => {
        pairs = all;
        listed = first;
        const last = nmtPage.remember(KEPT);
        nmtPage.choosePair(last in pairs ? last : first);
        nmtPage.follow();
    };

    nmtPage.choosePair = model => {
        if (!(model in pairs) || model === chosen) return;
        const before = pairs[chosen];
        chosen = model;
        nmtPage.remember(KEPT, model);
        describe(pairs[model]);
        watchers.forEach(watcher => watcher(pairs[model], before));
    };

    /* The list shows another pair now. */
    nmtPage.listPair = model => {
        listed = model;
        nmtPage.choosePair(model);
    };

    /* Let the list show what a script has chosen; on a page just opened nobody may listen to the button yet. */
    nmtPage.follow = () => {
        if (listed === chosen) return;
        document.querySelector('#follow')?.click();
        setTimeout(nmtPage.follow, 200);
    };

    nmtPage.pair = () => pairs[chosen];
    nmtPage.reverse = model => pairs[model].reverse || model;

    /* `watcher(pair, before)` is called now, and whenever another pair is chosen. */
    nmtPage.onPair = watcher => {
        watchers.push(watcher);
        watcher(pairs[chosen], undefined);
    };

    /* The line at the top, and whether there is a way back. */
    const describe = pair => {
        const line = document.querySelector('#model p');
        if (line) line.replaceChildren(nmtPage.make('strong', {}, pair.model), pair.about);
        document.querySelector('#swap')?.classList.toggle('nmt-gone', !pair.reverse);
    };
})();
