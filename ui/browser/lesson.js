/* One training as a card: how far it is, what it said, its curve, what came of it. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);
    const STATES = {working: 'At work', done: 'Done', stopped: 'Stopped', failed: 'Ended early'};

    /* A card with update(run), which changes only what has changed: somebody may be typing in it.
       act(what, fields): asks the server, and answers {error} where that fails. */
    nmtPage.lesson = act => {
        const state = make('span', {class: 'nmt-state'});
        const name = make('h3', {});
        const about = make('p', {class: 'nmt-quiet'});
        const tools = make('div', {class: 'nmt-actions'});
        const bar = make('progress', {'max': 1, 'aria-label': 'Progress'});
        const now = make('p', {class: 'nmt-now'});
        const aloud = make('span', {class: 'nmt-hidden', role: 'status'}); // only what matters, not every second
        const notes = make('div', {class: 'nmt-below'});
        const curves = make('div', {class: 'nmt-curves'});
        const figures = make('div', {class: 'nmt-came'});
        const both = make('div', {});
        const lines = make('pre', {'class': 'nmt-lines', 'tabindex': 0, 'aria-label': 'What it said'});
        const log = make('details', {class: 'nmt-others'}, make('summary', {}, 'What it said'), lines);
        const node = make(
            'article',
            {class: 'nmt-lesson'},
            make('header', {}, make('div', {}, make('div', {class: 'nmt-title'}, name, state), about), tools),
            make('div', {class: 'nmt-far'}, bar, now, aloud),
            notes,
            curves,
            figures,
            both,
            log,
        );
        const known = {};
        /* Calls `paint` where the values are others than the last time. */
        const when = (part, values, paint) => {
            const json = JSON.stringify(values);
            if (known[part] === json) return;
            known[part] = json;
            paint();
        };

        const say = text => {
            notes.querySelector('.nmt-refused')?.remove();
            if (text) notes.append(make('p', {class: 'nmt-note nmt-refused', role: 'alert'}, text));
        };
        const doing = (what, fields) => async event => {
            const button = event.currentTarget;
            button.disabled = true;
            const answer = await act(what, fields);
            button.disabled = false;
            say(answer.error);
        };

        const buttons = run => {
            const minutes = run.minutes || 0;
            const again = {name: run.name, minutes};
            const longer = {name: run.name, minutes: minutes ? 2 * minutes : 0};
            const timeUp = minutes && run.figures?.seconds >= 60 * minutes;
            return {
                working: [nmtPage.button('Stop', doing('stop', {name: run.name}))],
                stopped: [nmtPage.button('Go on', doing('go_on', again), {class: 'nmt-button nmt-strong'})],
                failed: [nmtPage.button('Try again', doing('go_on', again))],
                done: [
                    timeUp && nmtPage.button(`Train ${minutes} more min`, doing('go_on', longer)),
                    run.pair &&
                        nmtPage.button('Use it', () => use(run), {
                            class: 'nmt-button nmt-strong',
                            title: 'Choose this model at the top of the page',
                        }),
                ],
            }[run.state].filter(Boolean);
        };

        const use = run => {
            nmtPage.choosePair(run.pair.model);
            nmtPage.follow();
            document.querySelector('[data-tab-id="chat"]')?.click();
        };

        const update = run => {
            when('name', [run.name, run.label, run.parent, run.place], () => {
                name.textContent = run.name;
                node.setAttribute('aria-label', run.name);
                about.replaceChildren(`${run.label}, from ${run.parent} \u00b7 `, make('code', {}, run.place));
            });
            when('state', run.state, () => {
                state.textContent = STATES[run.state];
                state.className = `nmt-state nmt-is-${run.state}`;
                aloud.textContent = `${run.name}: ${STATES[run.state]}`;
            });
            when('tools', [run.state, run.minutes, run.pair, run.figures?.seconds], () => {
                const had = tools.contains(document.activeElement);
                tools.replaceChildren(...buttons(run));
                if (had) tools.querySelector('button')?.focus();
            });
            when('far', [run.state, run.share, run.left, run.lines], () => far(run, bar, now));
            when('notes', [run.warnings, run.error], () => {
                notes.replaceChildren(
                    ...run.warnings.map(text => make('p', {class: 'nmt-note'}, sentence(text))),
                    ...(run.error ? [make('p', {class: 'nmt-note', role: 'alert'}, sentence(run.error))] : []),
                );
            });
            when('curves', run.rounds, () => curves.replaceChildren(...nmtPage.curves(run.rounds)));
            when('figures', run.figures, () => figures.replaceChildren(...came(run.figures)));
            when('both', [run.state === 'done', run.pair?.model], () => {
                both.replaceChildren(...(run.pair ? [trying(run, act)] : []));
            });
            when('lines', run.lines, () => {
                lines.textContent = run.lines.join('\n');
                log.hidden = !run.lines.length;
            });
        };
        return {node, update};
    };

    const sentence = text => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

    /* How far it is, in words and as a bar. */
    const far = (run, bar, now) => {
        const isWorking = run.state === 'working';
        bar.hidden = !isWorking;
        now.hidden = !isWorking;
        if (!isWorking) return;
        if (run.share === null) bar.removeAttribute('value');
        else bar.value = run.share;
        const estimate = run.lines.find(line => line.startsWith('training takes')) || '';
        if (run.share === null) now.textContent = 'Reading the pairs and starting\u2026';
        else if (run.share >= 1)
            now.textContent = 'Trained. Writing the model and measuring it takes a minute or more\u2026';
        else
            now.textContent = [
                `${Math.floor(100 * run.share)} % trained`,
                run.left ? `about ${run.left} left` : '',
                estimate && sentence(estimate),
            ]
                .filter(Boolean)
                .join(' \u00b7 ');
    };

    /* The figures before and after, with a sentence that says what they mean. */
    const came = figures => {
        if (!figures.tests) return [];
        if (!figures.kept && figures.tests.some(test => test.rows.some(row => row.system === 'before')))
            return [
                make('p', {class: 'nmt-note'}, 'Nothing better than the parent was found, so this model is the same.'),
                ...figures.tests.map(table),
            ];
        return figures.tests.map(table);
    };

    const table = ({title, rows}) => {
        const metrics = [...new Set(rows.map(row => row.metric))];
        const systems = [...new Set(rows.map(row => row.system))];
        const find = (metric, system) => rows.find(row => row.metric === metric && row.system === system);
        const cell = row =>
            row ? make('td', {title: `\u00b1 ${row.margin.toFixed(1)}`}, row.value.toFixed(1)) : make('td', {});
        return make(
            'table',
            {class: 'nmt-scores'},
            make('caption', {}, `${title} (${rows[0].sentences})`),
            make(
                'thead',
                {},
                make(
                    'tr',
                    {},
                    ['Score', ...systems.map(sentence).map(text => text.replace(/\.$/, '')), 'Change'].map(text =>
                        make('th', {scope: 'col'}, text),
                    ),
                ),
            ),
            make(
                'tbody',
                {},
                metrics.map(metric =>
                    make(
                        'tr',
                        {},
                        make('th', {scope: 'row'}, metric),
                        systems.map(system => cell(find(metric, system))),
                        change(find(metric, systems[systems.length - 1])),
                    ),
                ),
            ),
        );
    };

    const change = row => {
        if (!row || row.difference === null) return make('td', {}, '');
        const signed = value => `${value > 0 ? '+' : value < 0 ? '\u2212' : ''}${Math.abs(value).toFixed(1)}`;
        const isKnown = row.p_value !== null; /* it is not where there are too few sentences */
        const direction = row.difference > 0 ? 'nmt-up' : 'nmt-down';
        return make(
            'td',
            isKnown
                ? {
                      class: row.chance === 'may be chance' ? '' : direction,
                      title: `95 % between ${signed(row.low)} and ${signed(row.high)}, p = ${row.p_value.toFixed(3)}`,
                  }
                : {},
            make('b', {}, signed(row.difference)),
            ' ',
            make('span', {class: 'nmt-quiet'}, row.chance),
        );
    };

    /* A sentence, and what the model and its parent make of it. */
    const trying = (run, act) => {
        const id = nmtPage.unique();
        const field = make('input', {
            type: 'text',
            class: 'nmt-field',
            id,
            lang: run.source,
            dir: 'auto',
            maxlength: 1000,
        });
        field.value = run.example || '';
        const out = make('dl', {'class': 'nmt-both', 'aria-live': 'polite'});
        const ask = async event => {
            event.preventDefault();
            if (!field.value.trim()) {
                field.focus();
                return;
            }
            const answer = await act('compare', {name: run.name, text: field.value});
            if (answer.error) {
                out.replaceChildren(make('p', {class: 'nmt-note', role: 'alert'}, answer.error));
                return;
            }
            const same = answer.before.text === answer.after.text;
            out.replaceChildren(
                ...[
                    ['Before', answer.before],
                    ['After', answer.after],
                ].flatMap(([title, {model, language, text}]) => [
                    make('dt', {}, title, ' ', make('span', {class: 'nmt-quiet'}, model)),
                    make('dd', {lang: language, dir: 'auto'}, text),
                ]),
                same ? make('p', {class: 'nmt-quiet'}, 'Both say the same here.') : '',
            );
        };
        return make(
            'form',
            {class: 'nmt-try', submit: ask},
            make('label', {for: id}, 'The same sentence through both'),
            make(
                'div',
                {class: 'nmt-own'},
                field,
                make('button', {type: 'submit', class: 'nmt-button nmt-strong'}, 'Compare'),
            ),
            out,
        );
    };
})();
