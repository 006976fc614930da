/* The box that opens at a word of a translation: what else could stand there, and room for one's own words. */
'use strict';
(() => {
    let shown = null;

    /* Close the box; `back` says whether the word gets the focus again. */
    const close = back => {
        if (!shown) return;
        const {box, word, again} = shown;
        shown = null;
        box.remove();
        word.removeAttribute('aria-expanded');
        if (back) (word.isConnected ? word : again())?.focus();
    };
    nmtPage.closeChoices = () => close(false);
    nmtPage.closeLostChoices = () => {
        if (shown && !shown.word.isConnected) close(false);
    };

    /* Open it.
       word: the element; item: what it shows, see nmtPage.items;
       result: the translation; model, settings, language: of it; server: the functions;
       changed(sentence): is called with what the sentence has become;
       again(): finds the word after it has been painted anew; look(sentence): looks inside. */
    nmtPage.openChoices = ({word, item, result, model, settings, language, server, changed, again, look}) => {
        const isOpen = shown && shown.word === word;
        close(false);
        if (isOpen) return;
        const sentence = result.sentences[item.sentence];
        const asked = {model, sentence: sentence.source, settings};
        const list = nmtPage.make(
            'div',
            {'class': 'nmt-choice-list', 'aria-live': 'polite'},
            nmtPage.make('p', {class: 'nmt-quiet'}, 'Asking the network\u2026'),
        );
        const own = nmtPage.make('input', {
            'type': 'text',
            'lang': language,
            'dir': 'auto',
            'aria-label': 'Your own words',
            'placeholder': 'Or your own words',
            'autocomplete': 'off',
            'maxlength': 500,
        });
        const form = nmtPage.make(
            'form',
            {class: 'nmt-own'},
            own,
            nmtPage.make('button', {type: 'submit', class: 'nmt-button nmt-strong'}, 'Use'),
        );
        const box = nmtPage.make(
            'div',
            {'class': 'nmt-choices', 'role': 'dialog', 'tabindex': -1, 'aria-label': `Other words for ${item.text}`},
            heading(item, language),
            list,
            form,
            look &&
                nmtPage.button('Look inside this sentence', () => {
                    close(false);
                    look(sentence);
                }),
        );
        const state = (shown = {box, word, again});
        const say = text => list.replaceChildren(nmtPage.make('p', {class: 'nmt-quiet', role: 'alert'}, text));

        const take = async (before, wanted = '') => {
            box.classList.add('nmt-busy');
            const answer = await ask(() => server.complete({...asked, before}));
            if (shown !== state) return;
            box.classList.remove('nmt-busy');
            if (answer.error) {
                say(answer.error);
                return;
            }
            changed(corrected(sentence, answer.sentence, wanted));
            close(true);
        };
        form.addEventListener('submit', event => {
            event.preventDefault();
            const typed = own.value.trim();
            if (typed) take(item.before + typed);
            else own.focus();
        });
        box.addEventListener('keydown', event => {
            if (event.key === 'Escape') {
                event.stopPropagation();
                close(true);
            }
            if (['ArrowDown', 'ArrowUp'].includes(event.key) && event.target !== own) step(list, event);
        });
        box.addEventListener('focusout', event => {
            if (event.relatedTarget && !box.contains(event.relatedTarget) && event.relatedTarget !== word) close(false);
        });

        word.setAttribute('aria-expanded', 'true');
        (word.closest('.html-container') || document.body).append(box);
        put(box, word);
        box.focus({preventScroll: true}); // not the field: on a phone that would bring up the keyboard
        ask(() => server.choices({...asked, before: item.before})).then(answer => {
            if (shown !== state) return;
            if (answer.error) {
                say(answer.error);
                return;
            }
            const others = answer.words.map(choice => row(choice, item, language, take));
            list.replaceChildren(...others);
            if (!others.length) say('The network sees nothing else here.');
            put(box, word);
            if (document.activeElement === box) list.querySelector('button')?.focus({preventScroll: true});
        });
    };

    /* What a function of the server says; that it cannot be reached is an answer too. */
    const ask = async call => {
        try {
            return (await call()) || {error: 'The server gave no answer.'};
        } catch {
            return {error: 'The server does not answer. Is nmt ui still running?'};
        }
    };
    nmtPage.ask = ask;

    /* The sentence as it is now, with the other ways to say it that there were. */
    const corrected = (before, now, wanted) => {
        const original = before.original || {...before, original: undefined};
        const option = now.options.find(one => one.text === wanted) || now.options[0];
        if (option.text === nmtPage.option(original).text) return original;
        const others = [...now.options, ...original.options].filter(
            (one, k, all) => one.text !== option.text && all.findIndex(other => other.text === one.text) === k,
        );
        return {...now, options: [option, ...others.slice(0, 5)], chosen: 0, corrected: true, original};
    };

    const heading = (item, language) => {
        const reads = [...new Set(item.reads)].slice(0, 3);
        return nmtPage.make(
            'div',
            {class: 'nmt-choice-head'},
            nmtPage.make('strong', {lang: language, dir: 'auto'}, item.text),
            nmtPage.make(
                'span',
                {},
                item.probability === null ? 'kept as it was written' : `${nmtPage.percent(item.probability)} sure`,
            ),
            reads.length > 0 &&
                nmtPage.make(
                    'span',
                    {},
                    'looking at ',
                    reads.map((word, k) => [k ? ', ' : '', nmtPage.make('q', {}, word)]),
                ),
            nmtPage.make(
                'button',
                {'type': 'button', 'class': 'nmt-close', 'aria-label': 'Close', 'click': () => close(true)},
                '\u00d7',
            ),
        );
    };

    const row = (choice, item, language, take) => {
        const bar = nmtPage.make('i', {});
        bar.style.setProperty('--share', choice.probability);
        return nmtPage.make(
            'button',
            {
                type: 'button',
                class: `nmt-choice${choice.word === item.text ? ' nmt-current' : ''}`,
                click: () => take(choice.text, choice.text),
            },
            nmtPage.make('b', {lang: language, dir: 'auto'}, choice.word),
            nmtPage.make('span', {class: 'nmt-share'}, bar, nmtPage.percent(choice.probability)),
            nmtPage.make('span', {class: 'nmt-leads', lang: language, dir: 'auto'}, choice.text),
        );
    };

    const step = (list, event) => {
        const rows = Array.from(list.querySelectorAll('button'));
        const next = rows[rows.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1)];
        if (next) next.focus();
        event.preventDefault();
    };

    /* Below the word or above it, where there is room; on a narrow screen the style puts it at the bottom instead. */
    const put = (box, word) => {
        const at = word.getBoundingClientRect();
        const below = at.bottom + 8 + box.offsetHeight <= innerHeight || at.top - 8 - box.offsetHeight < 0;
        const top = below ? Math.min(at.bottom + 8, innerHeight - box.offsetHeight - 8) : at.top - 8 - box.offsetHeight;
        const rightmost = document.documentElement.clientWidth - box.offsetWidth - 8;
        box.style.left = `${Math.max(8, Math.min(at.left, rightmost))}px`;
        box.style.top = `${Math.max(8, top)}px`;
    };

    document.addEventListener('pointerdown', event => {
        if (shown && !shown.box.contains(event.target) && event.target !== shown.word) close(false);
    });
    document.addEventListener(
        'scroll',
        event => {
            if (shown && !shown.box.contains(event.target)) put(shown.box, shown.word);
        },
        true,
    );
})();
