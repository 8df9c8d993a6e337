import{A as e,I as t,N as n,P as r,_ as i,m as a,p as o}from"./controls-DbwmTMbV.js";import{i as s,n as c,o as l,t as u}from"./data-kQtjyFWF.js";import{i as d}from"./session-q2BFhlHO.js";var f=d(`
  fragment CitationFields on Citation {
    index start end pageNumber quote verified textStart textEnd
    boxes { page x y width height }
    document { id filename mediaType pageCount }
  }
`),p=d(`
    fragment MessageFields on Message {
      id role text status parentId grounded answerer suggestions rating createdAt
      usage { promptTokens completionTokens cost }
      citations { ...CitationFields }
      steps { tool subject }
    }
  `,[f]),m=d(`
    fragment EventFields on ChatEvent {
      __typename
      ... on ChatStarted {
        sequence
        conversation { id title }
        question { ...MessageFields }
        answer { ...MessageFields }
      }
      ... on ChatSources {
        sequence
        step { tool subject }
        passages { id text pageNumber document { id filename mediaType } }
      }
      ... on ChatDelta { sequence text }
      ... on ChatCitation { sequence citation { ...CitationFields } }
      ... on ChatCompleted { sequence grounded answer { ...MessageFields } }
      ... on ChatFailed { sequence code message retryable }
    }
  `,[f,p]),h=d(`subscription Ask($input: ChatInput!) { chat(input: $input) { ...EventFields } }`,[m]),g=d(`
    subscription Follow($messageId: ID!, $after: Int!) {
      answer(messageId: $messageId, afterSequence: $after) { ...EventFields }
    }
  `,[m]);function _(e,t,n){return y(e,{query:l(h),variables:{input:t}},`chat`,n)}function v(e,t,n){let r={messageId:t,after:0};return y(e,{query:l(g),variables:r},`answer`,n)}function y(e,t,n,r){let i=0;return e.subscribe(t,{next({data:e,errors:t}){let a=e?.[n];if(!a)return r.done(t?.[0]??Error(`No event`));a.sequence&&a.sequence<=i||(i=a.sequence,r.event(a))},error:e=>r.done(e),complete:()=>r.done()})}var b=t(x());function x(){let[e,t]=location.pathname.split(`/`).slice(1).map(decodeURIComponent);return e===`chats`?t?{screen:`chat`,id:t}:{screen:`chats`}:e===`documents`&&t?{screen:`document`,id:t}:e===`library`||e===`search`||e===`settings`?{screen:e}:{screen:`chat`,id:null}}function S(e,t=!1){e!==location.pathname+location.search&&history[t?`replaceState`:`pushState`](null,``,e),b.value=x()}addEventListener(`popstate`,()=>b.value=x()),document.addEventListener(`click`,e=>{let t=e.target.closest?.(`a[href^='/']`),n=!e.defaultPrevented&&e.button===0&&!e.metaKey&&!e.ctrlKey&&!e.shiftKey;t&&n&&!t.hasAttribute(`download`)&&!t.hasAttribute(`data-away`)&&(e.preventDefault(),S(t.getAttribute(`href`)))});var C=d(`
    query Conversation($id: ID!, $after: String) {
      conversation(id: $id) {
        id
        title
        messages(first: 100, after: $after) {
          nodes { ...MessageFields }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  `,[p]),w=d(`
  mutation Stop($id: ID!) {
    stopAnswer(messageId: $id) { __typename ... on Error { message } }
  }
`),T=d(`
  mutation Rate($input: RateAnswerInput!) {
    rateAnswer(input: $input) {
      __typename
      ... on RatedAnswer { answer { id rating } }
      ... on Error { message }
    }
  }
`),E=`root`,D=()=>`lectern.pending.${a.user?.id}`,O=class{id=t(null);title=t(``);messages=t([]);live=t(null);failure=t(null);state=t(`ready`);scope=t([]);chosen=t({});silence=null;last=null;children=n(()=>{let e={};for(let t of this.messages.value)(e[t.parentId??E]??=[]).push(t);return e});path=n(()=>{let e=[],t=this.children.value[E];for(;t?.length;){let n=t[0].parentId??E,r=t.find(e=>e.id===this.chosen.value[n])??t.at(-1);e.push(r),t=this.children.value[r.id]}return e});async load(e){this.id.value=e,this.state.value=`loading`;let t=[],n=null;do{let r=await c.value.urql.query(C,{id:e,after:n},{requestPolicy:`network-only`}).toPromise();if(this.id.value!==e)return;let i=r.data?.conversation;if(!i?.messages){this.state.value=r.error?`unreachable`:`missing`;return}this.title.value=i.title,t.push(...i.messages.nodes),n=i.messages.pageInfo.hasNextPage?i.messages.pageInfo.endCursor:null}while(n);r(()=>{this.messages.value=t,this.state.value=`ready`});let i=this.path.value.find(e=>e.status===`STREAMING`);i?this.resume(i.id):this.resend(e)}siblings(e){return this.children.value[e.parentId??E]??[e]}choose(e){this.chosen.value={...this.chosen.value,[e.parentId??E]:e.id}}ask(e){this.send(e,this.path.value.at(-1)?.id??null)}regenerate(e){this.send(e.text,e.id,e)}edit(e,t){this.send(t,e.id,e)}retry(){this.last&&this.begin(this.last)}async stop(){let e=this.live.value?.answerId;e&&await s(w,{id:e})}async rate(e,t){let n=await s(T,{input:{messageId:e.id,rating:t}});u(n?.rateAnswer)&&this.put({...e,rating:t})}close(){this.silence?.(),this.silence=null,this.live.value=null}resend(e){let t=sessionStorage.getItem(D()),n=t?JSON.parse(t):null;n&&(n.conversationId??null)===e&&this.begin(n)}send(e,t,n){if(n){let e=n.parentId??E,{[e]:t,[n.id]:r,...i}=this.chosen.value;this.chosen.value=i}let r=this.scope.value.map(({id:e})=>e);this.begin({clientMessageId:P(),text:e,conversationId:this.id.value,parentId:t,documentIds:r.length?r:null})}begin(t){this.close(),this.last=t,sessionStorage.setItem(D(),JSON.stringify(t)),o(e(`chat.looking`)),this.hear(e=>_(c.value.socket,t,e),null,t)}resume(e){this.hear(t=>v(c.value.socket,e,t),e,null)}sending=t(null);hear(n,i,a){let s={answerId:i,text:t(``),citations:t([]),steps:t([]),sources:t(null)};r(()=>{this.failure.value=null,this.sending.value=a,this.live.value=s});let c=!1,l=e=>{c=!0,r(()=>{this.failure.value=e,this.sending.value=null,this.live.value=null})},u=``,d=0,f=()=>{d=0,s.text.value=u};this.silence=n({event:t=>{switch(t.__typename){case`ChatStarted`:s.answerId=t.answer.id,sessionStorage.removeItem(D()),r(()=>{this.sending.value=null,this.title.value=t.conversation.title,this.put(t.question),this.put({...t.answer,status:`STREAMING`}),this.id.value!==t.conversation.id&&(this.id.value=t.conversation.id,S(`/chats/${t.conversation.id}`,!0))});break;case`ChatSources`:s.sources.value=t.passages.length,t.step&&(s.steps.value=[...s.steps.value,t.step]);break;case`ChatDelta`:u||o(e(`chat.answering`)),u+=t.text,d||=requestAnimationFrame(f);break;case`ChatCitation`:s.citations.value=[...s.citations.value,t.citation];break;case`ChatCompleted`:this.put(t.answer),l(null),o(e(`chat.ready`,{n:new Set(t.answer.citations.map(e=>e.quote)).size}));break;case`ChatFailed`:if(t.sequence===0&&sessionStorage.removeItem(D()),s.answerId){let e=this.messages.value.find(e=>e.id===s.answerId);e&&this.put({...e,text:u,citations:s.citations.value,status:`FAILED`})}l({message:t.message,retryable:t.retryable})}},done:t=>{t&&!c&&l({message:e(`error.network`),retryable:!0})}})}put(e){let t=this.messages.value.findIndex(t=>t.id===e.id);this.messages.value=t<0?[...this.messages.value,e]:this.messages.value.with(t,e)}},k=t(new O);function A(e,t=[]){if(e!==null&&k.peek().id.peek()===e)return;k.peek().close();let n=new O;n.scope.value=t,k.value=n,e?n.load(e):n.resend(null)}function j(e){S(`/`),A(null,e)}async function M(t){try{await navigator.clipboard.writeText(t),i(e(`action.copied`))}catch{i(e(`error.clipboard`),!0)}}function N(t){let n=new Map,r=new Map;for(let{index:i,document:a,pageNumber:o,quote:s}of t.citations){let t=`${a.filename}, ${e(`page.short`,{n:o})}: “${s.replaceAll(`
`,` `)}”`;n.has(t)||n.set(t,n.size+1),r.set(i,n.get(t))}return[t.text.replace(/\[(\d+)\]/g,(e,t)=>r.has(+t)?`[^${r.get(+t)}]`:e),``,...[...n].map(([e,t])=>`[^${t}]: ${e}`)].join(`
`)}function P(){return Array.from(crypto.getRandomValues(new Uint8Array(16)),e=>e.toString(16).padStart(2,`0`)).join(``)}export{A as a,b as c,P as i,p as l,k as n,N as o,M as r,S as s,j as t};