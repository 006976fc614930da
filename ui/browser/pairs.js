/* Which pair of languages is chosen, for all parts of the page. The list at the top says so; nothing is asked of the
   server, so whatever is typed next goes to the pair that can be seen. */
'use strict';
(() => {
    const KEPT = 'pair',
        TOLD = 'told';
    const watchers = [];
    let pairs = {},
        chosen = '',
        listed = '',
        wanted = null;

    /* Told once what there is: `all` by the name of the model. The pair that was chosen here last is chosen again, or
       else the `first` one, which the list shows anyway; so it is where somebody was `told` to start with another one
       than the last time. */
    nmtPage.setPairs = (all, first, told) => {
        pairs = all;
        listed = first;
        wanted = nmtPage.remember(KEPT);
        if (told && nmtPage.remember(TOLD) !== first) wanted = first;
        nmtPage.remember(TOLD, told ? first : null);
        choose(wanted in pairs ? wanted : first);
        nmtPage.follow();
    };

    /* Pairs that have come since; the one that was chosen here last may be among them. */
    nmtPage.addPairs = added => {
        const fresh = added.filter(pair => JSON.stringify(pairs[pair.model]) !== JSON.stringify(pair));
        if (!fresh.length) return;
        pairs = {...pairs, ...Object.fromEntries(fresh.map(pair => [pair.model, pair]))};
        document.querySelector('#relist')?.click();
        if (wanted in pairs && wanted !== chosen) {
            choose(wanted);
            setTimeout(nmtPage.follow, 500); // when the list has it
        }
    };
    nmtPage.pairs = () => pairs;

    nmtPage.choosePair = model => {
        wanted = model;
        nmtPage.remember(KEPT, model);
        choose(model);
    };

    const choose = model => {
        if (!(model in pairs) || model === chosen) return;
        const before = pairs[chosen];
        chosen = model;
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
        else setTimeout(() => describe(pairs[chosen]), 100); // of a page that is still being laid out
        document.body.classList.toggle('nmt-one-way', !pair.reverse);
    };
})();
