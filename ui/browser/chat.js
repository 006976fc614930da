/* The chat: what was said, what came back, and the box to type in. It lives in the browser; the server keeps nothing.
   element, props, server: what Gradio gives a component. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);

    nmtPage.chat = ({element, props, server}) => {
        const log = make('div', {'class': 'nmt-log', 'role': 'log', 'aria-label': 'Conversation', 'tabindex': 0});
        const greeting = make('div', {class: 'nmt-greeting'});
        const view = {log, props, server, turns: nmtPage.recall(), send, save};
        nmtPage.setPairs(props.pairs, props.selected, props.told);
        if (props.trains) nmtPage.findTrained();
        const composer = nmtPage.composer({props, send: text => send(begin(text)), stop, clear});
        element.replaceChildren(
            make(
                'div',
                {class: 'nmt-chat'},
                make('div', {class: 'nmt-bar'}, nmtPage.legend(), composer.clear),
                log,
                composer.form,
            ),
        );

        function begin(text) {
            const turn = {id: nmtPage.unique(), at: Date.now(), text};
            view.turns.push(turn);
            return turn;
        }

        /* Ask for a turn, the first time or again, by the pair that is chosen now. */
        async function send(turn) {
            const {model, label, source, target} = nmtPage.pair();
            turn.asking?.abort();
            const asking = new AbortController();
            Object.assign(turn, {
                model,
                label,
                source,
                target,
                asking,
                state: 'working',
                partial: '',
                result: null,
                notes: [],
            });
            show(turn);
            stick();
            update();
            nmtPage.keep(view.turns);
            try {
                await nmtPage.listen(
                    'chat/stream',
                    {text: turn.text, model, settings: nmtPage.search},
                    asking.signal,
                    message => {
                        if (turn.asking === asking) hear(turn, message);
                    },
                );
                if (turn.asking === asking && turn.state === 'working') fail(turn, 'The server broke off.');
            } catch (error) {
                if (turn.asking === asking && turn.state === 'working')
                    fail(
                        turn,
                        error instanceof TypeError
                            ? 'The server does not answer. Is nmt ui still running?'
                            : error.message,
                    );
            }
        }

        function hear(turn, {state, text, notes, seconds, pieces, sentences, model, label, source, target, settings}) {
            if (turn.state !== 'working') return;
            const atEnd = isAtEnd();
            Object.assign(
                turn,
                {partial: text || turn.partial, notes: notes || []},
                model && {model, label, source, target, settings},
            );
            if (state === 'working') nmtPage.grow(turn, text);
            else finish(turn, {state, seconds, result: state === 'done' ? {pieces, sentences} : null});
            if (atEnd) stick();
        }

        const fail = (turn, said) => finish(turn, {state: 'failed', notes: [...turn.notes, {text: said}]});

        function stop() {
            for (const turn of working()) {
                turn.asking.abort();
                finish(turn, {
                    state: 'stopped',
                    notes: [...turn.notes, {text: turn.partial ? 'Stopped here.' : 'Stopped.'}],
                });
            }
        }

        function clear() {
            const gone = [...nmtPage.recall(), ...view.turns].filter(
                (turn, k, all) => turn.state !== 'working' && all.findLastIndex(other => other.id === turn.id) === k,
            );
            empty();
            nmtPage.forget();
            composer.focus();
            if (gone.length)
                composer.offer('The conversation is cleared.', 'Bring it back', () => {
                    view.turns.unshift(...gone);
                    save();
                    render();
                    composer.focus();
                });
        }

        function empty() {
            for (const turn of view.turns.splice(0)) {
                turn.asking?.abort();
                turn.asking = null; // what still comes of it is not for this conversation
            }
            nmtPage.closeChoices();
            nmtPage.shown = null;
            render();
        }

        const working = () => view.turns.filter(turn => turn.state === 'working');

        function finish(turn, values) {
            Object.assign(turn, values);
            show(turn);
            save();
            update();
        }

        function save() {
            nmtPage.keep(view.turns);
            const last = view.turns.findLast(turn => turn.state === 'done' && turn.result.sentences.length);
            nmtPage.shown = last ? nmtPage.seen(last.model, last.result.sentences[0]) : null;
        }

        function update() {
            composer.working(working().length > 0);
            log.setAttribute('aria-busy', String(working().length > 0));
            greeting.hidden = view.turns.length > 0;
        }

        const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
        const stick = () => {
            log.scrollTop = log.scrollHeight;
        };

        function show(turn) {
            const atEnd = isAtEnd();
            const node = nmtPage.turn(view, turn);
            if (turn.node && turn.node.isConnected) turn.node.replaceWith(node);
            else log.append(node);
            turn.node = node;
            if (atEnd) stick();
        }

        function render() {
            log.replaceChildren(greeting);
            view.turns.forEach(show);
            stick();
            update();
        }

        function greet({source, examples}) {
            greeting.replaceChildren(
                make('p', {class: 'nmt-quiet'}, 'Try one of these, or write your own below.'),
                make(
                    'div',
                    {class: 'nmt-examples'},
                    examples.map(text =>
                        make(
                            'button',
                            {
                                type: 'button',
                                class: 'nmt-example',
                                lang: source,
                                dir: 'auto',
                                click: () => send(begin(text)),
                            },
                            text,
                        ),
                    ),
                ),
            );
        }

        nmtPage.onPair(pair => {
            greet(pair);
            composer.pair(pair);
        });
        addEventListener('storage', event => {
            // Cleared in another window.
            if (event.newValue === null && [nmtPage.CHAT, null].includes(event.key)) empty();
        });
        render();
        if (view.turns.length) save();
        composer.focus();
    };

    /* ---- what outlives a reload: the turns of all windows of this browser, by their time ---- */
    const LONGEST = 1_500_000; // characters of JSON; browsers keep about 5 million for all that a site stores
    const written = new Map(); // of each turn, what was last read or written here
    nmtPage.CHAT = 'nmt-chat';

    nmtPage.recall = () => {
        const turns = stored();
        for (const turn of turns) written.set(turn.id, JSON.stringify(turn));
        return turns;
    };

    const stored = () => {
        try {
            const turns = JSON.parse(nmtPage.remember('chat') || '[]');
            return turns
                .filter(
                    turn =>
                        turn &&
                        typeof turn.text === 'string' &&
                        (turn.state !== 'done' || Array.isArray(turn.result?.pieces)),
                )
                .map((turn, k) => ({...turn, id: turn.id || `old${k}`, at: turn.at || k}));
        } catch {
            return [];
        }
    };

    /* Keep what has changed here; of what has not, another window may have a newer state. */
    nmtPage.keep = turns => {
        const all = new Map(stored().map(turn => [turn.id, turn]));
        for (const {node, asking, ...turn} of turns) {
            const kept =
                turn.state === 'working'
                    ? {...turn, state: 'stopped', notes: [{text: 'The page was closed before this was translated.'}]}
                    : turn;
            const json = JSON.stringify(kept);
            if (all.has(turn.id) && written.get(turn.id) === json) continue;
            written.set(turn.id, json);
            all.set(turn.id, kept);
        }
        const kept = [...all.values()].sort((one, other) => one.at - other.at);
        let json = JSON.stringify(kept);
        while (json.length > LONGEST && kept.length > 1) {
            kept.shift();
            json = JSON.stringify(kept);
        }
        if (json.length <= LONGEST) nmtPage.remember('chat', json);
    };

    nmtPage.forget = () => {
        written.clear();
        nmtPage.remember('chat', null);
    };
})();
