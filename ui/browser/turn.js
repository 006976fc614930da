/* One message and what came back for it, as an element. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);

    nmtPage.turn = (view, turn) => {
        const node = make('article', {
            'class': `nmt-turn nmt-${turn.state}`,
            'aria-label': `${turn.text.slice(0, 60)}`,
        });
        node.append(said(view, turn), answer(view, turn));
        return node;
    };

    /* While it grows only the text changes. */
    nmtPage.grow = (turn, text) => {
        const box = turn.node && turn.node.querySelector('.nmt-text');
        if (!box) return;
        box.textContent = text;
        box.lang = turn.target;
        turn.node.querySelector('.nmt-waiting').hidden = Boolean(text);
    };

    const said = (view, turn) => {
        const text = make('div', {class: 'nmt-said-text', lang: turn.source, dir: 'auto'}, turn.text);
        const edit = nmtPage.button('Edit', () => change(view, turn, box), {
            'aria-label': `Edit: ${turn.text.slice(0, 60)}`,
        });
        const box = make('div', {class: 'nmt-said'}, text, make('div', {class: 'nmt-actions'}, edit));
        return box;
    };

    /* Edit a message in place: Enter translates it again, Escape leaves it as it was. */
    const change = (view, turn, box) => {
        const field = make('textarea', {
            'class': 'nmt-field',
            'lang': turn.source,
            'dir': 'auto',
            'aria-label': 'Edit the message',
            'rows': Math.min(8, turn.text.split('\n').length),
        });
        field.value = turn.text;
        const back = () => {
            const fresh = said(view, turn);
            box.replaceWith(fresh);
            fresh.querySelector('button').focus();
        };
        const done = () => {
            if (!field.value.trim()) {
                field.focus();
                return;
            }
            turn.text = field.value;
            view.send(turn);
        };
        nmtPage.typing(field, done);
        field.addEventListener('keydown', event => {
            if (event.key === 'Escape') back();
        });
        box.replaceChildren(
            field,
            make(
                'div',
                {class: 'nmt-actions'},
                nmtPage.button('Translate', done, {class: 'nmt-button nmt-strong'}),
                nmtPage.button('Cancel', back),
            ),
        );
        field.focus();
    };

    const answer = (view, turn) => {
        const box = make('div', {class: 'nmt-answer'});
        const text = make('div', {class: 'nmt-text', lang: turn.target, dir: 'auto'});
        box.append(text);
        if (turn.state === 'working') {
            text.textContent = turn.partial || '';
            box.append(
                make('div', {class: 'nmt-waiting', role: 'status', hidden: Boolean(turn.partial)}, 'Translating'),
            );
        } else if (turn.result) {
            fill(view, turn, box, text);
        } else {
            text.textContent = turn.partial || '';
            text.hidden = !turn.partial;
            box.append(
                ...remarks(view, turn),
                make('div', {class: 'nmt-actions'}, turn.partial && copier(() => turn.partial), retry(view, turn)),
            );
        }
        return box;
    };

    /* A finished translation: its words, what was remarked, other ways to say it, what can be done with it. */
    const fill = (view, turn, box, text) => {
        const {result, target: language, model, settings} = turn;
        const below = make('div', {class: 'nmt-below'});
        const look = sentence => nmtPage.look(model, sentence);
        const paint = () => {
            nmtPage.closeChoices();
            nmtPage.paint(text, nmtPage.items(result), {everyTab: view.turns[view.turns.length - 1] === turn});
        };
        const picked = () => {
            paint();
            view.save();
        };
        const corrected = () => {
            picked();
            below.replaceChildren(...parts());
            box.scrollIntoView({block: 'nearest'});
        };
        const parts = () => [
            ...remarks(view, turn),
            ...nmtPage.corrections({
                result,
                model,
                language,
                server: view.server,
                saving: view.props.saving,
                changed: anew => (anew ? corrected() : view.save()),
            }),
            ...nmtPage.alternatives(result, language, picked, result.sentences.length === 1),
        ];
        nmtPage.pointable(text, (item, word) =>
            nmtPage.openChoices({
                word,
                item,
                result,
                model,
                settings,
                language,
                server: view.server,
                changed: sentence => {
                    result.sentences[item.sentence] = sentence;
                    corrected();
                },
                look,
                again: () => text.children[Math.min(Number(word.dataset.item), text.children.length - 1)],
            }),
        );
        paint();
        below.append(...parts());
        const tools = [copier(() => nmtPage.textOf(result)), retry(view, turn)];
        if (result.sentences.length) tools.push(nmtPage.button('Look inside', () => look(result.sentences[0])));
        box.append(below, make('div', {class: 'nmt-actions'}, tools, make('span', {class: 'nmt-took'}, took(turn))));
    };

    const took = turn =>
        [
            turn.label,
            turn.seconds === undefined
                ? ''
                : turn.seconds < 1
                  ? `${Math.max(1, Math.round(1000 * turn.seconds))} ms`
                  : `${turn.seconds.toFixed(1)} s`,
        ]
            .filter(Boolean)
            .join(' \u00b7 ');
    const copier = text => nmtPage.button('Copy', event => nmtPage.copy(text(), event.currentTarget));
    const retry = (view, turn) =>
        nmtPage.button('Retry', () => view.send(turn), {
            title: 'Translate again, with the model and the search that are set now',
        });
    const remarks = (view, turn) => {
        const problems = (turn.result ? turn.result.sentences : []).flatMap(sentence => sentence.problems);
        const found = problems.length ? [{text: `Worth a second look: ${[...new Set(problems)].join('; ')}.`}] : [];
        return nmtPage.notes([...(turn.notes || []), ...found], note => {
            nmtPage.choosePair(note.model);
            nmtPage.follow();
            view.send(turn);
        });
    };
})();
