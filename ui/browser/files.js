/* Files: drop or choose one, watch it being translated, take the translation.
   It speaks to the interface for programs, so the server's limits hold here as well. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);

    nmtPage.files = ({element, props}) => {
        const input = make('input', {
            type: 'file',
            id: 'nmt-file',
            class: 'nmt-hidden',
            accept: props.formats.map(([end]) => `.${end},.${end}.gz`).join(','),
        });
        const name = make('span', {class: 'nmt-file-name', dir: 'auto'});
        const into = make('span', {});
        const drop = make(
            'label',
            {class: 'nmt-drop', for: 'nmt-file'},
            make('strong', {}, 'Drop a file here, or choose one'),
            make('span', {class: 'nmt-quiet'}, into),
            name,
        );
        const columns = make('input', {
            type: 'text',
            class: 'nmt-field',
            id: 'nmt-columns',
            dir: 'auto',
            placeholder: 'such as: title, text',
        });
        const table = make(
            'div',
            {class: 'nmt-columns', hidden: true},
            make('label', {for: 'nmt-columns'}, 'Columns to translate'),
            columns,
        );
        const start = nmtPage.button('Translate the file', begin, {class: 'nmt-button nmt-strong', disabled: true});
        const stop = nmtPage.button('Stop', () => working && working.abort(), {hidden: true});
        const bar = make('progress', {'max': 1, 'value': 0, 'hidden': true, 'aria-label': 'Progress'});
        const said = make('div', {class: 'nmt-file-said', role: 'status'});
        const kinds = make(
            'details',
            {class: 'nmt-others'},
            make('summary', {}, `${props.formats.length} kinds of files, up to ${props.megabytes} MB`),
            make(
                'ul',
                {class: 'nmt-kinds'},
                props.formats.map(([end, what]) => make('li', {}, make('code', {}, `.${end}`), ` ${what}`)),
            ),
            make(
                'p',
                {class: 'nmt-quiet'},
                'What is not text stays as it is: tags, markup, timings, code. ' +
                    'Those that are not compressed by themselves may end in .gz. ' +
                    'Files are deleted after half an hour, and when the server stops.',
            ),
        );
        element.replaceChildren(
            make(
                'div',
                {class: 'nmt-files'},
                input,
                drop,
                table,
                make('div', {class: 'nmt-actions'}, start, stop),
                bar,
                said,
                kinds,
            ),
        );

        let file = null,
            working = null;
        const end = () => file.name.toLowerCase().replace(/\.gz$/, '').split('.').pop();

        function choose(chosen) {
            if (working || !chosen) return;
            file = chosen;
            name.textContent = `${file.name} (${bytes(file.size)})`;
            table.hidden = !props.tables.includes(end());
            bar.hidden = true;
            const problem = problemWith(file);
            said.replaceChildren(problem && make('p', {class: 'nmt-note'}, problem));
            start.disabled = Boolean(problem);
            start.hidden = false;
        }

        function problemWith({size}) {
            if (size === 0) return 'This file is empty: there is nothing to translate in it.';
            if (size > props.megabytes * 1e6)
                return (
                    `This file has ${bytes(size)}, and this server takes up to ${props.megabytes} MB. ` +
                    'Split it, or translate it with: nmt translate FILE'
                );
            if (props.formats.some(([one]) => one === end())) return '';
            return `A file that ends in .${end()} cannot be translated here. Below is what can.`;
        }

        async function begin() {
            working = new AbortController();
            const form = new FormData();
            form.append('source', nmtPage.pair().source);
            form.append('target', nmtPage.pair().target);
            form.append('model', nmtPage.pair().model);
            if (!table.hidden && columns.value.trim()) form.append('columns', columns.value);
            form.append('file', file);
            busy(true);
            say('Sending the file\u2026');
            try {
                const answer = await fetch('translate_file/stream', {
                    method: 'POST',
                    body: form,
                    signal: working.signal,
                });
                if (!answer.ok) throw new Error((await answer.json()).error);
                await listen(answer.body.getReader());
            } catch (error) {
                bar.hidden = true;
                if (error.name === 'AbortError') say('Stopped.');
                else
                    problem(
                        error instanceof TypeError
                            ? 'The server does not answer. Is nmt ui still running?'
                            : error.message,
                    );
            }
            working = null;
            busy(false);
        }

        /* Server-sent events: how far it is, and at last where the translation can be fetched. */
        async function listen(reader) {
            const decoder = new TextDecoder();
            let rest = '';
            for (;;) {
                const {value, done} = await reader.read();
                rest += decoder.decode(value, {stream: !done});
                const events = rest.split('\n\n');
                rest = events.pop();
                for (const event of events) {
                    const [, kind, data] = event.match(/^event: (\w+)\ndata: (.*)$/) || [];
                    if (kind) hear(kind, JSON.parse(data));
                }
                if (done) return;
            }
        }

        function hear(kind, data) {
            if (kind === 'error') throw new Error(data.error);
            if (kind === 'progress') {
                bar.value = data.total ? data.done / data.total : 0;
                const left = data.seconds_left > 1 ? `, about ${Math.ceil(data.seconds_left)} s left` : '';
                say(`${number(data.done)} of ${number(data.total)} words${left}`);
            }
            if (kind === 'done') {
                bar.value = 1;
                const link = new URL(data.translatedFileUrl);
                const title = decodeURIComponent(link.pathname.split('/').pop()).replace(/^[^.]*\./, '');
                said.replaceChildren(
                    make(
                        'a',
                        {
                            class: 'nmt-button nmt-strong nmt-download',
                            href: link.pathname.replace(/^\//, ''),
                            download: title,
                        },
                        `Download ${title}`,
                    ),
                    make('span', {class: 'nmt-quiet'}, 'It can be fetched for half an hour.'),
                );
                start.hidden = true;
                said.querySelector('a').focus();
            }
        }

        function busy(is) {
            start.disabled = is;
            stop.hidden = !is;
            input.disabled = is;
            if (is) {
                bar.hidden = false;
                bar.value = 0;
            }
        }

        const say = text => said.replaceChildren(text);
        const problem = text =>
            said.replaceChildren(make('p', {class: 'nmt-note', role: 'alert'}, text.replace(/^Invalid request: /, '')));
        const number = value => new Intl.NumberFormat('en').format(value);
        const bytes = count =>
            count < 1000
                ? `${count} bytes`
                : count < 1e6
                  ? `${(count / 1e3).toFixed(1)} kB`
                  : `${(count / 1e6).toFixed(1)} MB`;

        input.addEventListener('change', () => choose(input.files[0]));
        nmtPage.dropping(drop, choose);
        nmtPage.onPair(pair => {
            into.textContent = pair.label;
        });
    };
})();
