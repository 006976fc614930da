/* Training a model of one's own from one that there is: a form, and a card for each training.
   What is at work is a process of its own; the page only looks at how it stands. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);
    const OFTEN = 1000,
        SELDOM = 5000; // milliseconds between two looks, while the tab is seen and while it is not

    /* Ask the server; what it cannot do is {error}. */
    const send = async (what, fields) => {
        try {
            const body = fields instanceof FormData ? fields : JSON.stringify(fields || {});
            const headers = fields instanceof FormData ? {} : {'content-type': 'application/json'};
            const answer = await fetch(`finetuning/${what}`, {method: 'POST', body, headers});
            const told = await answer.json();
            return answer.ok || told.error ? told : {error: `The server answered ${answer.status}.`};
        } catch {
            return {error: 'The server does not answer. Is nmt ui still running?'};
        }
    };

    /* Whether this visitor may train; where not, the tab goes. Asked once. */
    let answer = null;
    const allowed = () => {
        answer ||= send('allowed').then(told => told.allowed !== false);
        answer.then(may => document.body.classList.toggle('nmt-no-training', !may));
        return answer;
    };

    /* Models that were finished after this page had been made join its list. */
    nmtPage.findTrained = async () => {
        if (!(await allowed())) return {runs: []};
        const told = await send('state');
        if (told.runs) nmtPage.addPairs(told.runs.map(run => run.pair).filter(Boolean));
        return told;
    };

    nmtPage.train = ({element, props}) => {
        const form = nmtPage.trainForm(props, async fields => {
            const answer = await send('start', fields);
            if (!answer.error) await look();
            return answer;
        });
        const missing = make('p', {class: 'nmt-note', hidden: true});
        const list = make('div', {class: 'nmt-lessons'});
        element.replaceChildren(make('div', {class: 'nmt-train'}, missing, form.node, list));
        const cards = new Map();
        let timer = 0,
            seen = false;

        const act = async (what, fields) => {
            const answer = await send(what, fields);
            if (!answer.error && what !== 'compare') await look();
            return answer;
        };

        const show = told => {
            missing.textContent = told.error || told.missing;
            missing.hidden = !missing.textContent;
            form.node.hidden = !missing.hidden;
            if (told.error) return;
            form.update(told);
            for (const [name, card] of cards)
                if (!told.runs.some(run => run.name === name)) {
                    card.node.remove();
                    cards.delete(name);
                }
            told.runs.forEach((run, k) => {
                if (!cards.has(run.name)) cards.set(run.name, nmtPage.lesson(act));
                const card = cards.get(run.name);
                card.update(run);
                if (list.children[k] !== card.node) list.insertBefore(card.node, list.children[k] || null);
            });
        };

        async function look() {
            clearTimeout(timer);
            if (!(await allowed())) return;
            const told = await nmtPage.findTrained();
            show(told);
            clearTimeout(timer);
            const busy = told.error || told.runs.some(run => run.state === 'working');
            if (busy) timer = setTimeout(look, seen && !document.hidden ? OFTEN : SELDOM);
        }
        new IntersectionObserver(entries => {
            seen = entries[entries.length - 1].isIntersecting;
            if (seen) look();
        }).observe(element);
        look();
    };
})();
