/* Two panes: what is typed, and its translation, which grows meanwhile.
   element, props, server: what Gradio gives a component. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);
    const PAUSE = 500,
        STILL = 250; // milliseconds

    nmtPage.live = ({element, props, server}) => {
        const pane = nmtPage.unique();
        const field = make('textarea', {
            class: 'nmt-field',
            id: 'nmt-live',
            dir: 'auto',
            rows: 3,
            placeholder: 'Start typing',
        });
        const text = make('div', {'class': 'nmt-text', 'dir': 'auto', 'role': 'group', 'aria-label': 'Translation'});
        const spoken = make('div', {class: 'nmt-hidden', role: 'status'}); // read out: not every letter
        const below = make('div', {class: 'nmt-below'});
        const from = make('label', {for: 'nmt-live', class: 'nmt-pane-name'}),
            into = make('span', {class: 'nmt-pane-name'});
        const took = make('span', {'class': 'nmt-took', 'role': 'status', 'aria-live': 'off'});
        const right = make(
            'div',
            {class: 'nmt-pane nmt-answer'},
            make('div', {class: 'nmt-pane-head'}, into, took),
            text,
            spoken,
            below,
            make(
                'div',
                {class: 'nmt-actions'},
                nmtPage.button('Copy', event => nmtPage.copy(nmtPage.textOf(result), event.currentTarget)),
            ),
        );
        const left = make(
            'div',
            {class: 'nmt-pane'},
            make(
                'div',
                {class: 'nmt-pane-head'},
                from,
                nmtPage.button('Clear', () => {
                    put('');
                    field.focus();
                }),
            ),
            field,
        );
        element.replaceChildren(
            make(
                'div',
                {class: 'nmt-live'},
                make('div', {class: 'nmt-bar'}, nmtPage.legend()),
                make('div', {class: 'nmt-panes'}, left, right),
            ),
        );

        const empty = {pieces: [], sentences: []};
        const corrected = new Map(); // source of a sentence to the sentence as its visitor wants it
        let result = empty,
            sent = null,
            settled = null,
            typed = 0,
            busy = false,
            later = 0,
            settling = 0;

        function put(value) {
            field.value = value;
            type(performance.now());
        }

        function type(when) {
            typed = typed || when;
            pump();
        }

        /* One question at a time, about what stands there now: whoever types fast skips what nobody would see. */
        async function pump() {
            const wanted = now();
            if (busy || wanted === sent) return;
            busy = true;
            sent = wanted;
            const since = typed;
            typed = 0;
            const answer = await nmtPage.ask(() => server.live({pane, model: nmtPage.pair().model, text: field.value}));
            busy = false;
            if (answer.error) fail(answer.error);
            else show(answer, since);
            if (now() !== wanted) pump();
            else if (!answer.error) settle(wanted);
        }

        const now = () => JSON.stringify([nmtPage.pair().model, field.value]);

        /* The same text once more says that nothing follows for now: then its last word is no longer half a word. */
        function settle(wanted) {
            clearTimeout(settling);
            if (settled === wanted || !field.value) return;
            settling = setTimeout(() => {
                if (busy || now() !== wanted) return;
                settled = wanted;
                sent = null;
                pump();
            }, STILL);
        }

        function fail(said) {
            took.textContent = '';
            below.replaceChildren(make('p', {class: 'nmt-note', role: 'alert'}, said));
            sent = null;
        }

        function show(answer, since) {
            answer.sentences.forEach((sentence, k) => {
                answer.sentences[k] = corrected.get(sentence.source) || sentence;
            });
            result = answer;
            paint(true);
            nmtPage.closeLostChoices();
            requestAnimationFrame(() =>
                setTimeout(() => {
                    const end = performance.now();
                    if (since) performance.measure('nmt-live', {start: since, end});
                    const network = Math.max(1, Math.round(1000 * answer.seconds)),
                        screen = `, on screen in ${Math.round(end - since)} ms`;
                    if (since || !field.value.trim())
                        took.replaceChildren(
                            ...(field.value.trim()
                                ? [make('span', {class: 'nmt-wide'}, 'translated in '), `${network} ms${screen}`]
                                : []),
                        );
                    took.title = 'From the key to the screen; of that, the network';
                }),
            );
        }

        function paint(fresh) {
            nmtPage.paint(text, nmtPage.items(result), {fresh});
            below.replaceChildren(
                ...nmtPage.notes(result.notes, note => {
                    nmtPage.choosePair(note.model);
                    nmtPage.follow();
                }),
                ...nmtPage.corrections({
                    result,
                    model: nmtPage.pair().model,
                    language: nmtPage.pair().target,
                    server,
                    saving: props.saving,
                    changed: anew => {
                        for (const sentence of result.sentences)
                            if (!sentence.corrected) corrected.delete(sentence.source);
                        if (anew) paint(false);
                    },
                }),
            );
            clearTimeout(later);
            if (fresh) later = setTimeout(tell, PAUSE);
            else tell();
        }

        /* The rest of the page, and those who listen, hear of it when the typing pauses. */
        function tell() {
            const sentence = result.sentences[result.sentences.length - 1];
            nmtPage.shown = sentence ? nmtPage.seen(nmtPage.pair().model, sentence) : null;
            spoken.lang = nmtPage.pair().target;
            spoken.textContent = nmtPage.textOf(result);
        }

        function languages({source, target, sourceName, targetName}) {
            from.textContent = sourceName;
            into.textContent = targetName;
            field.lang = source;
            text.lang = target;
        }

        nmtPage.pointable(text, (item, word) =>
            nmtPage.openChoices({
                word,
                item,
                result,
                model: nmtPage.pair().model,
                language: nmtPage.pair().target,
                server,
                changed: sentence => {
                    corrected.set(sentence.source, sentence);
                    result.sentences[item.sentence] = sentence;
                    paint(false);
                },
                look: sentence => nmtPage.look(nmtPage.pair().model, sentence),
                again: () => text.children[Math.min(Number(word.dataset.item), text.children.length - 1)],
            }),
        );
        field.addEventListener('input', event => {
            nmtPage.closeChoices();
            type(event.timeStamp);
        });
        field.addEventListener('scroll', () => {
            text.scrollTop = field.scrollTop;
        });

        /* After a swap the translation becomes what is translated. */
        nmtPage.onPair((pair, before) => {
            const swapped = before && pair.source === before.target && pair.target === before.source;
            const said = nmtPage.textOf(result);
            nmtPage.closeChoices();
            corrected.clear();
            languages(pair);
            if (swapped && said) put(said);
            else pump();
        });
    };
})();
