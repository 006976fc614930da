/* What stands below a translation: other ways to say it, and what becomes of corrections. */
'use strict';
(() => {
    /* The alternatives of every sentence, to pick from; `changed()` is called after a pick. Built when first opened. */
    nmtPage.alternatives = (result, language, changed, open) => {
        const several = result.sentences.filter(sentence => sentence.options.length > 1);
        if (!several.length) return [];
        const label =
            result.sentences.length > 1
                ? `Other ways to say it, for ${several.length} sentence${several.length > 1 ? 's' : ''}`
                : 'Other ways to say it';
        const details = nmtPage.make('details', {class: 'nmt-others', open}, nmtPage.make('summary', {}, label));
        const fill = () => {
            if (details.open && details.childNodes.length === 1)
                details.append(
                    ...several.map(sentence => ways(sentence, language, changed, result.sentences.length > 1)),
                );
        };
        details.addEventListener('toggle', fill);
        fill();
        return [details];
    };

    const ways = (sentence, language, changed, named) => {
        const group = nmtPage.unique();
        const rows = sentence.options.map((option, k) => {
            const box = nmtPage.make('input', {
                type: 'radio',
                name: group,
                change: () => {
                    sentence.chosen = k;
                    changed();
                },
            });
            box.checked = k === (sentence.chosen || 0);
            return nmtPage.make(
                'label',
                {},
                box,
                nmtPage.make('span', {lang: language, dir: 'auto'}, option.text),
                nmtPage.make(
                    'small',
                    {title: 'Mean log-probability of a token; the closer to 0, the more certain'},
                    score(option.score),
                ),
            );
        });
        return nmtPage.make(
            'fieldset',
            {},
            nmtPage.make(
                'legend',
                named ? {dir: 'auto'} : {class: 'nmt-hidden'},
                named ? sentence.source : 'Other ways to say it',
            ),
            rows,
        );
    };

    const score = value => (Math.abs(value) < 0.005 ? '0.00' : value.toFixed(2)).replace('-', '\u2212');

    /* A line for each corrected sentence: save it, or take it back.
       saving: {allowed, place} of the server; changed() is called when a sentence is as it was. */
    nmtPage.corrections = ({result, model, language, server, saving, changed}) =>
        result.sentences
            .filter(sentence => sentence.corrected)
            .map(sentence => {
                const said = nmtPage.make('span', {role: 'status'}, said_of(sentence));
                const save =
                    saving.allowed &&
                    !sentence.saved &&
                    nmtPage.button(
                        'Save this correction',
                        async () => {
                            save.disabled = true;
                            const answer = await nmtPage.ask(() =>
                                server.save({
                                    model,
                                    sentence: sentence.source,
                                    translation: nmtPage.option(sentence).text,
                                }),
                            );
                            said.textContent = answer.error || `Saved in ${answer.path}.`;
                            if (answer.error) {
                                save.disabled = false;
                                return;
                            }
                            sentence.saved = answer.path;
                            save.remove();
                            changed(false);
                        },
                        {title: `Adds the pair to ${saving.place}, for fine-tuning`},
                    );
                const undo = nmtPage.button('Take it back', () => {
                    restore(sentence);
                    changed(true);
                });
                return nmtPage.make(
                    'div',
                    {class: 'nmt-correction'},
                    said,
                    ' ',
                    nmtPage.make(
                        'span',
                        {class: 'nmt-pair', lang: language, dir: 'auto'},
                        nmtPage.option(sentence).text,
                    ),
                    save || null,
                    undo,
                );
            });

    const said_of = sentence => (sentence.saved ? `Saved in ${sentence.saved}.` : 'Corrected:');

    const restore = sentence => {
        const original = sentence.original;
        for (const key of Object.keys(sentence)) delete sentence[key];
        Object.assign(sentence, original);
    };

    /* A plain word about a text, with a button where another model would suit it: `use(note)` is called for it. */
    nmtPage.notes = (notes, use) =>
        (notes || []).map(note =>
            nmtPage.make(
                'p',
                {class: 'nmt-note'},
                note.text,
                note.model && [' ', nmtPage.button(`Use ${note.label}`, () => use(note))],
            ),
        );
})();
