/* Curves of a training that grows: the score on watched sentences, and the loss. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);
    const WIDE = 320,
        HIGH = 120,
        LEFT = 34,
        BELOW = 20,
        ABOVE = 8; // units of the picture

    const svg = (name, attributes, ...children) => {
        const node = document.createElementNS('http://www.w3.org/2000/svg', name);
        for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
        node.append(...children);
        return node;
    };

    /* Both pictures of the rounds so far; nothing before the first one. */
    nmtPage.curves = rounds => {
        const scores = points(rounds, 'dev chrF'),
            losses = points(rounds, 'loss');
        return [
            scores.length > 0 && figure('Score on sentences held back', 'chrF, higher is better', scores, true),
            losses.length > 1 && figure('Loss in training', 'nats per token, lower is better', losses, false),
        ].filter(Boolean);
    };

    const points = (rounds, name) =>
        rounds.filter(round => Number.isFinite(round[name])).map(round => [round.update, round[name]]);

    const figure = (title, unit, all, marksStart) => {
        const values = all.map(([, value]) => value);
        const room = Math.max(0.5, 0.1 * (Math.max(...values) - Math.min(...values)));
        const low = Math.min(...values) - room,
            high = Math.max(...values) + room,
            last = Math.max(1, all[all.length - 1][0]);
        const x = update => LEFT + ((WIDE - LEFT - 6) * update) / last;
        const y = value => ABOVE + ((HIGH - ABOVE - BELOW) * (high - value)) / (high - low);
        const text = (at, what, anchor) => svg('text', {...at, 'text-anchor': anchor}, what);
        const said = `${title}: from ${show(values[0])} to ${show(values[values.length - 1])} after ${last} updates`;
        const picture = svg(
            'svg',
            {'viewBox': `0 0 ${WIDE} ${HIGH}`, 'role': 'img', 'aria-label': said},
            ...[Math.min(...values), Math.max(...values)]
                .filter((value, k, both) => k === 0 || y(both[0]) - y(value) > 12)
                .flatMap(value => [
                    svg('line', {class: 'nmt-grid', x1: LEFT, x2: WIDE - 6, y1: y(value), y2: y(value)}),
                    text({x: LEFT - 5, y: y(value) + 4}, show(value), 'end'),
                ]),
            text({x: LEFT, y: HIGH - 5}, '0', 'middle'),
            text({x: WIDE - 6, y: HIGH - 5}, `${new Intl.NumberFormat('en').format(last)} updates`, 'end'),
        );
        if (marksStart)
            picture.append(
                svg('line', {
                    class: 'nmt-before',
                    x1: LEFT,
                    x2: WIDE - 6,
                    y1: y(values[0]),
                    y2: y(values[0]),
                }),
            );
        picture.append(
            svg('polyline', {class: 'nmt-curve', points: all.map(([at, value]) => `${x(at)},${y(value)}`).join(' ')}),
            ...all.map(([at, value]) =>
                svg(
                    'circle',
                    {cx: x(at), cy: y(value), r: 2.5},
                    svg('title', {}, `${show(value)} after ${at} updates`),
                ),
            ),
        );
        return make(
            'figure',
            {class: 'nmt-figure'},
            make('figcaption', {}, make('strong', {}, title), ' ', make('span', {class: 'nmt-quiet'}, unit)),
            picture,
        );
    };

    const show = value => value.toFixed(value < 10 ? 2 : 1);
})();
