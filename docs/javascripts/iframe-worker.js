/* Search runs in a worker, which browsers refuse to pages that were opened as files: there a hidden frame does its work.
   Only what the search needs of a Worker: messages, both ways. */
'use strict';
if (location.protocol === 'file:') {
    window.Worker = class extends EventTarget {
        constructor(url) {
            super();
            this.waiting = [];
            this.frame = document.createElement('iframe');
            this.frame.hidden = true;
            this.frame.title = 'Search';
            window.addEventListener('message', event => {
                if (event.source === this.frame.contentWindow)
                    this.dispatchEvent(new MessageEvent('message', {data: event.data}));
            });
            document.body.append(this.frame);
            const inside = this.frame.contentDocument;
            inside.open();
            inside.write(
                '<!DOCTYPE html><script>postMessage = data => parent.postMessage(data, "*");</script>',
                `<script src="${new URL(url, location).href}"></script>`,
            );
            inside.close();
            this.frame.addEventListener('load', () => {
                for (const data of this.waiting.splice(0)) this.frame.contentWindow.dispatchEvent(heard(data));
                this.waiting = null;
            });
        }

        postMessage(data) {
            if (this.waiting) this.waiting.push(data);
            else this.frame.contentWindow.dispatchEvent(heard(data));
        }

        terminate() {
            this.frame.remove();
        }
    };
    const heard = data => new MessageEvent('message', {data});
}
