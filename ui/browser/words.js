/* What the parts of the page share: making elements, and showing a translation as words that can be pointed at.
   Every text gets into the page as text (append, textContent), never as markup. */
'use strict';
window.nmtPage = {};
(() => {
    nmtPage.make = (name, attributes = {}, ...children) => {
        const node = document.createElement(name);
        for (const [key, value] of Object.entries(attributes)) {
            if (typeof value === 'function') node.addEventListener(key, value);
            else if (value === true) node.setAttribute(key, '');
            else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
        }
        node.append(
            ...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false),
        );
        return node;
    };

    nmtPage.button = (label, click, attributes = {}) =>
        nmtPage.make('button', {type: 'button', class: 'nmt-button', click, ...attributes}, label);

    /* Let a file be dropped on a place; `choose(file)` is called for it. */
    nmtPage.dropping = (place, choose) => {
        for (const kind of ['dragenter', 'dragover'])
            place.addEventListener(kind, event => {
                event.preventDefault();
                place.classList.add('nmt-over');
            });
        for (const kind of ['dragleave', 'drop'])
            place.addEventListener(kind, () => place.classList.remove('nmt-over'));
        place.addEventListener('drop', event => {
            event.preventDefault();
            choose(event.dataTransfer.files[0]);
        });
    };

    nmtPage.unique = () => Array.from(crypto.getRandomValues(new Uint32Array(3)), part => part.toString(36)).join('');

    nmtPage.percent = share => {
        if (share > 0.995 && share < 1) return '> 99 %';
        return share > 0 && share < 0.005 ? '< 1 %' : `${Math.round(100 * share)} %`;
    };

    /* On a plain http address of another computer there is no clipboard object. */
    nmtPage.copy = async (text, button) => {
        try {
            await navigator.clipboard.writeText(text);
        } catch {
            const box = nmtPage.make('textarea', {class: 'nmt-hidden'});
            box.value = text;
            (button.parentElement || document.body).append(box);
            box.select();
            document.execCommand('copy');
            box.remove();
            button.focus();
        }
        const before = button.textContent;
        if (before === 'Copied') return;
        button.textContent = 'Copied';
        setTimeout(() => {
            button.textContent = before;
        }, 1500);
    };

    /* The option of a sentence that is shown, and a whole result as text. */
    nmtPage.option = sentence => sentence.options[sentence.chosen || 0];
    nmtPage.textOf = result =>
        result.pieces
            .map(piece => (typeof piece === 'string' ? piece : nmtPage.option(result.sentences[piece]).text))
            .join('');

    /* A sentence with the translation that is shown, for the tab that looks inside; it looks at nmtPage.shown. */
    nmtPage.shown = null;
    nmtPage.seen = (model, sentence) => ({
        model,
        sentence: sentence.source,
        translation: nmtPage.option(sentence).text,
    });
    nmtPage.look = (model, sentence) => {
        nmtPage.shown = nmtPage.seen(model, sentence);
        document.querySelector('[data-tab-id="inside"]')?.click();
    };

    /* A result as a list of words and what stands between them. A word knows its sentence, what is before it there,
       and of a translation that still grows whether it is `late`: not yet certain to stay. */
    nmtPage.items = result => {
        const found = [],
            sure = result.unsure ? nmtPage.textOf(result).length - result.unsure : Infinity;
        let place = 0;
        const between = text => {
            place += text.length;
            if (!text) return;
            const last = found[found.length - 1];
            if (last && !last.word) last.text += text;
            else found.push({text});
        };
        for (const piece of result.pieces) {
            if (typeof piece === 'string') {
                between(piece);
                continue;
            }
            const sentence = result.sentences[piece],
                option = nmtPage.option(sentence);
            let before = '';
            for (const [gap, text, probability, source] of option.words) {
                between(gap);
                before += gap;
                place += text.length;
                found.push({
                    text,
                    word: true,
                    probability,
                    sentence: piece,
                    before,
                    late: place > sure,
                    reads: source.map(place => sentence.tokens[place]).filter(Boolean),
                });
                before += text;
            }
            between(option.rest);
        }
        return found;
    };

    /* Five shades, from sure to guessed. What stays as it was written has no probability and no shade. */
    const SHADES = [0.7, 0.5, 0.3, 0.15];
    nmtPage.shade = probability =>
        probability === null ? '' : `nmt-p${SHADES.filter(least => probability < least).length}`;

    const same = (one, other) => Boolean(one) && one.word === other.word && one.text === other.text;

    /* Show items in a container, leaving what is there already as it is. Returns how many stayed. */
    nmtPage.paint = (container, items, {fresh = false, everyTab = true} = {}) => {
        const shown = container.nmtItems || [];
        let kept = 0;
        while (kept < items.length && kept < container.childNodes.length && same(shown[kept], items[kept])) kept += 1;
        while (container.childNodes.length > kept) container.lastChild.remove();
        items.forEach((item, k) => {
            if (k < kept && !item.word) return;
            const node = k < kept ? container.childNodes[k] : nmtPage.make('span', {}, item.text);
            if (item.word) dress(node, item, k, fresh && k >= kept);
            if (k >= kept) container.append(node);
        });
        container.nmtItems = items;
        nmtPage.tabs(container, everyTab);
        return kept;
    };

    const dress = (node, item, k, fresh) => {
        node.className = `nmt-word ${nmtPage.shade(item.probability)}`;
        if (fresh) node.classList.add('nmt-fresh');
        if (item.late) node.classList.add('nmt-late');
        node.setAttribute('role', 'button');
        node.setAttribute('aria-haspopup', 'dialog');
        node.dataset.item = k;
        if (item.probability === null) node.removeAttribute('title');
        else node.title = `${nmtPage.percent(item.probability)} sure; click for other words`;
    };

    /* Tab stops at every word, or at the first one only; arrow keys always lead from word to word. */
    const MANY = 60;
    nmtPage.tabs = (container, everyTab) => {
        const words = container.querySelectorAll('.nmt-word');
        words.forEach((word, k) => {
            word.tabIndex = k === 0 || (everyTab && words.length <= MANY) ? 0 : -1;
        });
    };

    /* Let words answer to mouse and keyboard, by calling `open(item, node)` for the word that is meant. */
    nmtPage.pointable = (container, open) => {
        const meant = event => event.target.closest && event.target.closest('.nmt-word');
        const choose = word => open(container.nmtItems[Number(word.dataset.item)], word);
        container.addEventListener('click', event => {
            const word = meant(event);
            if (word && getSelection().isCollapsed) choose(word); // otherwise somebody marks text to copy it
        });
        container.addEventListener('keydown', event => {
            const word = meant(event);
            if (!word || event.ctrlKey || event.metaKey || event.altKey) return;
            const words = Array.from(container.querySelectorAll('.nmt-word'));
            const forward = getComputedStyle(container).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
            const steps = {
                ArrowDown: 1,
                ArrowUp: -1,
                ArrowRight: forward === 'ArrowRight' ? 1 : -1,
                ArrowLeft: forward === 'ArrowRight' ? -1 : 1,
            };
            if (event.key === 'Enter' || event.key === ' ') choose(word);
            else if (event.key === 'Home') words[0].focus();
            else if (event.key === 'End') words[words.length - 1].focus();
            else if (event.key in steps) (words[words.indexOf(word) + steps[event.key]] || word).focus();
            else return;
            event.preventDefault();
        });
    };

    /* A switch for the marks, with what they mean. What is chosen here holds for the whole page. */
    nmtPage.legend = () => {
        const box = nmtPage.make('input', {type: 'checkbox', role: 'switch'});
        box.checked = nmtPage.remember('shading') !== 'off';
        box.addEventListener('change', () => {
            nmtPage.remember('shading', box.checked ? 'on' : 'off');
            nmtPage.showShading();
            document.querySelectorAll('.nmt-legend input').forEach(other => {
                other.checked = box.checked;
            });
        });
        const scale = nmtPage.make('span', {
            'class': 'nmt-scale',
            'role': 'img',
            'aria-label': 'Scale: unmarked is sure, strongly marked is a guess',
        });
        scale.append('sure', ...[0, 1, 2, 3, 4].map(k => nmtPage.make('i', {class: `nmt-p${k}`})), 'a guess');
        nmtPage.showShading();
        return nmtPage.make('div', {class: 'nmt-legend'}, nmtPage.make('label', {}, box, 'Mark unsure words'), scale);
    };
    nmtPage.showShading = () =>
        document.querySelector('#tabs')?.classList.toggle('nmt-plain', nmtPage.remember('shading') === 'off');

    /* Small things that outlive the page, in this browser only. A browser may forbid it; then they do not. */
    nmtPage.remember = (name, value) => {
        try {
            if (value === undefined) return localStorage.getItem(`nmt-${name}`);
            if (value === null) localStorage.removeItem(`nmt-${name}`);
            else localStorage.setItem(`nmt-${name}`, value);
            return value;
        } catch {
            return null;
        }
    };
})();
