/* The box to type a message in. Enter sends and Shift+Enter breaks the line. */
'use strict';
(() => {
    const make = (...all) => nmtPage.make(...all);

    /* Enter calls `done`, except while an input method is at work: there Enter picks a character. */
    nmtPage.typing = (field, done) => {
        const grow = () => {
            field.style.height = 'auto';
            field.style.height = `${Math.min(field.scrollHeight + 2, 0.4 * innerHeight)}px`;
        };
        field.addEventListener('keydown', event => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            done();
        });
        field.addEventListener('input', grow);
        field.nmtGrow = grow;
    };

    /* How to search, as the drawer says; what is as the model has it of its `own` is left to the model. */
    nmtPage.search = {};
    nmtPage.setSearch = (own, method, beam, penalty, temperature) => {
        document.querySelector('#search').dataset.method = method;
        nmtPage.search = {
            method,
            beam_size: beam === own[0] ? null : beam,
            length_penalty: penalty === own[1] ? null : penalty,
            temperature,
        };
    };

    /* Ask the server, and call `hear` for every line of JSON that comes back. */
    nmtPage.listen = async (address, asked, signal, hear) => {
        const answer = await fetch(address, {
            method: 'POST',
            headers: {'content-type': 'application/json'},
            body: JSON.stringify(asked),
            signal,
        });
        if (!answer.ok)
            throw new Error((await answer.json().catch(() => ({}))).error || `The server answered ${answer.status}.`);
        const reader = answer.body.getReader(),
            decoder = new TextDecoder();
        let rest = '';
        for (;;) {
            const {value, done} = await reader.read();
            rest += decoder.decode(value, {stream: !done});
            const lines = rest.split('\n');
            rest = lines.pop();
            for (const line of lines) hear(JSON.parse(line));
            if (done) return;
        }
    };

    /* props: of the page; send(text), stop(), clear(): what the buttons do. */
    nmtPage.composer = ({props, send, stop, clear}) => {
        const field = make('textarea', {
            'class': 'nmt-field',
            'id': 'nmt-message',
            'rows': 1,
            'dir': 'auto',
            'enterkeyhint': 'send',
            'placeholder': 'Type or paste text',
            'aria-describedby': 'nmt-hint',
        });
        const label = make('label', {for: 'nmt-message', class: 'nmt-hidden'});
        const hint = make('div', {class: 'nmt-hint', id: 'nmt-hint', role: 'status'});
        const stopper = nmtPage.button('Stop', stop, {hidden: true});
        const form = make(
            'form',
            {class: 'nmt-composer'},
            label,
            field,
            make(
                'div',
                {class: 'nmt-send'},
                stopper,
                make('button', {type: 'submit', class: 'nmt-button nmt-strong'}, 'Translate'),
            ),
            hint,
        );

        const submit = () => {
            const text = field.value;
            if (!text.trim()) {
                hint.textContent = 'Write or paste some text first.';
                field.focus();
                return;
            }
            if (count(text) > props.limit) {
                tell();
                field.focus();
                return;
            }
            field.value = '';
            field.nmtGrow();
            hint.textContent = '';
            send(text);
        };
        const count = text => (text.length > props.limit ? Array.from(text).length : text.length); // as Python counts
        const tell = () => {
            const length = count(field.value);
            const [there, most] = [length, props.limit].map(number => new Intl.NumberFormat('en').format(number));
            if (length <= 0.8 * props.limit) hint.textContent = '';
            else if (length <= props.limit) hint.textContent = `${there} of ${most} characters`;
            else
                hint.textContent =
                    `${there} characters are more than the ${most} that this page takes at a time. ` +
                    'Send them in parts, or as a file under Files.';
            form.classList.toggle('nmt-over', length > props.limit);
        };
        nmtPage.typing(field, submit);
        field.addEventListener('input', tell);
        form.addEventListener('submit', event => {
            event.preventDefault();
            submit();
        });

        return {
            form,
            clear: nmtPage.button(
                'Clear',
                () => {
                    field.value = '';
                    tell();
                    field.nmtGrow();
                    clear();
                },
                {title: 'Forget the conversation, here and in this browser'},
            ),
            offer: (said, label, accept) => {
                hint.replaceChildren(
                    `${said} `,
                    nmtPage.button(label, () => {
                        hint.replaceChildren();
                        accept();
                    }),
                );
            },
            focus: () => field.focus({preventScroll: true}),
            working: is => {
                stopper.hidden = !is;
            },
            pair: pair => {
                label.textContent = `Text in ${pair.sourceName}`;
                field.lang = pair.source;
            },
        };
    };
})();
