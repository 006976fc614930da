/* The form that starts a training: what to learn from, which model to start from, how long, and a name. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);

    /* start(fields): begins, and answers {error} where that fails. Returns the element and update(told). */
    nmtPage.trainForm = (props, start) => {
        const file = make('input', {
            'type': 'file',
            'id': 'nmt-pairs',
            'class': 'nmt-hidden',
            'accept': props.suffixes.join(','),
            'aria-describedby': 'nmt-pairs-hint',
        });
        const chosen = make('strong', {dir: 'auto'}, 'Drop a file of pairs here, or choose one');
        const drop = make(
            'label',
            {class: 'nmt-drop', for: 'nmt-pairs'},
            chosen,
            make(
                'span',
                {class: 'nmt-quiet', id: 'nmt-pairs-hint'},
                `${props.suffixes.join(', ')} up to ${props.megabytes} MB: a sentence and its translation on each line`,
            ),
        );
        const saved = make('select', {id: 'nmt-saved', class: 'nmt-select'});
        const savedRow = make('div', {class: 'nmt-row', hidden: true}, label('nmt-saved', 'Learn from'), saved);
        const parent = make('select', {id: 'nmt-parent', class: 'nmt-select'});
        const from = languages(props, 'nmt-from'),
            into = languages(props, 'nmt-into');
        const minutes = make('input', {
            type: 'number',
            id: 'nmt-minutes',
            class: 'nmt-field',
            min: 1,
            max: props.mostMinutes,
            step: 'any',
            required: true,
            value: props.minutes,
        });
        const name = make('input', {
            'type': 'text',
            'id': 'nmt-name',
            'class': 'nmt-field',
            'maxlength': props.longestName,
            'pattern': '[A-Za-z0-9][A-Za-z0-9._\\-]*',
            'title': 'Letters a to z, digits, points and dashes',
            'required': true,
            'autocomplete': 'off',
            'spellcheck': 'false',
        });
        const hint = make('p', {class: 'nmt-quiet'});
        const place = make('code', {});
        const after = make('span', {class: 'nmt-quiet'});
        const said = make('div', {class: 'nmt-below'});
        const begin = make('button', {type: 'submit', class: 'nmt-button nmt-strong'}, 'Start training');
        const node = make(
            'form',
            {class: 'nmt-new', submit: submit},
            make(
                'div',
                {},
                make('h2', {}, 'Train a model of your own'),
                make(
                    'p',
                    {class: 'nmt-quiet'},
                    'It starts from a model that there is and learns from your sentences: your words, your kind of ' +
                        'text, or another language. A few hundred pairs and a few minutes are enough to see an effect.',
                ),
            ),
            savedRow,
            file,
            drop,
            make(
                'div',
                {class: 'nmt-fields'},
                make('div', {class: 'nmt-row'}, label('nmt-parent', 'Start from'), parent),
                make('div', {class: 'nmt-row'}, label('nmt-from', 'From'), from),
                make('div', {class: 'nmt-row'}, label('nmt-into', 'Into'), into),
                make('div', {class: 'nmt-row'}, label('nmt-minutes', 'Minutes at most'), minutes),
                make('div', {class: 'nmt-row'}, label('nmt-name', 'Name of the new model'), name),
            ),
            hint,
            make('div', {class: 'nmt-actions'}, begin, after),
            said,
        );

        let pairs = null,
            working = '',
            taken = [],
            named = false,
            known = '';

        function adopt() {
            const pair = nmtPage.pairs()[parent.value];
            if (!pair || saved.value) return;
            pick(from, pair.source);
            pick(into, pair.target);
        }

        /* Corrections are of one pair of languages. */
        function learnFrom() {
            const one = saved.value && JSON.parse(saved.value);
            drop.hidden = Boolean(one);
            file.disabled = from.disabled = into.disabled = Boolean(one);
            if (one) {
                pick(from, one.source);
                pick(into, one.target);
                const fits = pair => pair?.source === one.source && pair.target === one.target;
                const fitting = Object.values(nmtPage.pairs()).find(fits);
                if (fitting && !fits(nmtPage.pairs()[parent.value])) parent.value = fitting.model;
            } else adopt();
            tell();
        }

        function tell() {
            const pair = nmtPage.pairs()[parent.value];
            if (!pair) return;
            const isNew = pair.source !== from.value || pair.target !== into.value;
            hint.textContent = isNew
                ? `${pair.model} translates ${pair.label}. The new model takes over what it knows and learns the ` +
                  'other language from your pairs: a few thousand of them are needed for that.'
                : '';
            hint.hidden = !isNew;
            if (!named) name.value = free(`${from.value}-${into.value}-mine`);
            begin.disabled = Boolean(working) || (!pairs && !saved.value);
            if (working) after.replaceChildren(`One at a time: ${working} is at work.`);
            else after.replaceChildren('It is saved in ', place);
        }

        const free = wish => {
            let found = wish;
            for (let k = 2; taken.includes(found); k += 1) found = `${wish}-${k}`;
            return found;
        };

        function take(one) {
            if (!one) return;
            const kind = one.name.slice(one.name.lastIndexOf('.')).toLowerCase();
            const problem = !props.suffixes.includes(kind)
                ? `Pairs come in a file that ends in ${props.suffixes.join(', ')}; ${one.name} does not.`
                : one.size > props.megabytes * 1e6
                  ? `This file has more than ${props.megabytes} MB; train on it with: nmt finetune`
                  : one.size === 0
                    ? `${one.name} is empty.`
                    : '';
            say(problem);
            pairs = problem ? null : one;
            chosen.textContent = pairs ? `${one.name} (${size(one.size)})` : 'Drop a file of pairs here, or choose one';
            tell();
        }

        const size = count =>
            count < 1e6 ? `${Math.max(1, Math.round(count / 1e3))} kB` : `${(count / 1e6).toFixed(1)} MB`;
        const say = text => said.replaceChildren(text ? make('p', {class: 'nmt-note', role: 'alert'}, text) : '');

        async function submit(event) {
            event.preventDefault();
            const fields = new FormData();
            const values = {name: name.value.trim(), parent: parent.value, source: from.value, target: into.value};
            for (const [key, value] of Object.entries({...values, minutes: minutes.value})) fields.append(key, value);
            if (!saved.value) fields.append('file', pairs);
            begin.disabled = true;
            say('');
            const answer = await start(fields);
            if (answer.error) say(answer.error.replace(/^Invalid request: /, ''));
            else named = false;
            tell();
        }

        parent.addEventListener('change', () => {
            adopt();
            tell();
        });
        saved.addEventListener('change', learnFrom);
        for (const field of [from, into]) field.addEventListener('change', tell);
        name.addEventListener('input', () => {
            named = name.value !== '';
        });
        file.addEventListener('change', () => take(file.files[0]));
        nmtPage.dropping(drop, take);

        /* What the server told: where models go, which corrections there are, which names are taken. */
        const update = ({place: folder, corrections, runs}) => {
            place.textContent = folder;
            taken = [...runs.map(run => run.name), ...Object.keys(nmtPage.pairs())];
            working = runs.find(run => run.state === 'working')?.name || '';
            tell();
            const now = JSON.stringify([corrections, Object.keys(nmtPage.pairs())]);
            if (now === known) return;
            known = now;
            const models = Object.values(nmtPage.pairs());
            refill(
                parent,
                models.map(pair => [pair.model, `${pair.label} (${pair.model})`]),
            );
            if (!parent.value) parent.value = nmtPage.pair().model;
            refill(saved, [
                ['', 'a file'],
                ...corrections.map(one => [
                    JSON.stringify({source: one.source, target: one.target}),
                    `what was corrected on this page: ${one.count} ${one.count === 1 ? 'pair' : 'pairs'}, ` +
                        [one.source, one.target].map(code => props.languages[code] || code).join(' \u2192 '),
                ]),
            ]);
            savedRow.hidden = !corrections.length;
            learnFrom();
        };
        nmtPage.onPair(pair => {
            if (![...parent.options].some(option => option.value === pair.model)) return;
            parent.value = pair.model;
            adopt();
            tell();
        });
        return {node, update};
    };

    const label = (id, text) => make('label', {for: id}, text);

    const languages = (props, id) => {
        const list = make('select', {id, class: 'nmt-select'});
        refill(list, Object.entries(props.languages));
        return list;
    };

    const refill = (list, options) => {
        const before = list.value;
        list.replaceChildren(...options.map(([value, text]) => make('option', {value}, text)));
        if (options.some(([value]) => value === before)) list.value = before;
        else list.selectedIndex = -1;
        if (options.length && options[0][0] === '' && list.selectedIndex < 0) list.selectedIndex = 0;
    };

    /* Choose a language; one that is not listed joins the list under its code. */
    const pick = (list, code) => {
        if (![...list.options].some(option => option.value === code)) list.append(make('option', {value: code}, code));
        list.value = code;
    };
})();
