import{A as e,I as t,N as n,P as r,_ as i,m as a,p as o}from"./controls-BKuPYcN7.js";import{a as s,c,i as l,n as u,o as d,t as f}from"./data-D_Gjp5bc.js";import{i as p}from"./session-q2BFhlHO.js";var m=p(`
  fragment CitationFields on Citation {
    index start end filename pageNumber quote verified textStart textEnd
    boxes { page x y width height }
    document { id }
    version { id number isLatest mediaType pageCount }
  }
`),h=p(`
    fragment MessageFields on Message {
      id role text status parentId grounded answerer suggestions rating createdAt
      usage { promptTokens completionTokens cost }
      citations { ...CitationFields }
      steps { tool subject }
    }
  `,[m]),g=p(`
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
  `,[m,h]),_=p(`subscription Ask($input: ChatInput!) { chat(input: $input) { ...EventFields } }`,[g]),v=p(`
    subscription Follow($messageId: ID!, $after: Int!) {
      answer(messageId: $messageId, afterSequence: $after) { ...EventFields }
    }
  `,[g]);function y(e,t,n){return x(e,{query:c(_),variables:{input:t}},`chat`,n)}function b(e,t,n){let r={messageId:t,after:0};return x(e,{query:c(v),variables:r},`answer`,n)}function x(e,t,n,r){let i=0;return e.subscribe(t,{next({data:e,errors:t}){let a=e?.[n];if(!a)return r.done(t?.[0]??Error(`No event`));a.sequence&&a.sequence<=i||(i=a.sequence,r.event(a))},error:e=>r.done(e),complete:()=>r.done()})}var S=t(C());function C(){let[e,t]=location.pathname.split(`/`).slice(1).map(decodeURIComponent);return e===`chats`?t?{screen:`chat`,id:t}:{screen:`chats`}:e===`documents`&&t?{screen:`document`,id:t}:e===`library`||e===`search`||e===`settings`?{screen:e}:{screen:`chat`,id:null}}function w(e,t=!1){e!==location.pathname+location.search&&history[t?`replaceState`:`pushState`](null,``,e),S.value=C()}addEventListener(`popstate`,()=>S.value=C()),document.addEventListener(`click`,e=>{let t=e.target.closest?.(`a[href^='/']`),n=!e.defaultPrevented&&e.button===0&&!e.metaKey&&!e.ctrlKey&&!e.shiftKey;t&&n&&!t.hasAttribute(`download`)&&!t.hasAttribute(`data-away`)&&(e.preventDefault(),w(t.getAttribute(`href`)))});var T=p(`
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
  `,[h]),E=p(`
  mutation Stop($id: ID!) {
    stopAnswer(messageId: $id) { __typename ... on Error { message } }
  }
`),D=p(`
  mutation Rate($input: RateAnswerInput!) {
    rateAnswer(input: $input) {
      __typename
      ... on RatedAnswer { answer { id rating } }
      ... on Error { message }
    }
  }
`),O=`root`,k=()=>`lectern.pending.${a.user?.id}`,A=class{id=t(null);title=t(``);messages=t([]);live=t(null);failure=t(null);state=t(`ready`);scope=t([]);chosen=t({});silence=null;last=null;children=n(()=>{let e={};for(let t of this.messages.value)(e[t.parentId??O]??=[]).push(t);return e});path=n(()=>{let e=[],t=this.children.value[O];for(;t?.length;){let n=t[0].parentId??O,r=t.find(e=>e.id===this.chosen.value[n])??t.at(-1);e.push(r),t=this.children.value[r.id]}return e});async load(e,t=!1){this.id.value=e,t||(this.state.value=`loading`);let n=[],i=null;do{let r=await u.value.urql.query(T,{id:e,after:i},{requestPolicy:`network-only`}).toPromise();if(this.id.value!==e||t&&this.live.value)return;let a=r.data?.conversation;if(!a?.messages){if(t)return;this.state.value=r.error?`unreachable`:`missing`;return}this.title.value=a.title,n.push(...a.messages.nodes),i=a.messages.pageInfo.hasNextPage?a.messages.pageInfo.endCursor:null}while(i);r(()=>{this.messages.value=n,this.state.value=`ready`});let a=this.path.value.find(e=>e.status===`STREAMING`);a?this.resume(a.id):this.resend(e)}siblings(e){return this.children.value[e.parentId??O]??[e]}choose(e){this.chosen.value={...this.chosen.value,[e.parentId??O]:e.id}}ask(e){this.send(e,this.path.value.at(-1)?.id??null)}regenerate(e){this.forget(e.id),this.send(e.text,e.id)}edit(e,t){this.forget(e.parentId??O),this.send(t,e.id)}retry(){let e=this.path.value.at(-1),t=e?.role===`ASSISTANT`&&this.messages.value.find(({id:t})=>t===e.parentId);t&&e.status!==`COMPLETED`?this.regenerate(t):this.last&&this.begin(this.last)}async stop(){let e=this.live.value?.answerId;e&&await l(E,{id:e})}async rate(e,t){let n=await l(D,{input:{messageId:e.id,rating:t}});f(n?.rateAnswer)&&this.put({...e,rating:t})}close(){this.silence?.(),this.silence=null,this.live.value=null}resend(e){let t=sessionStorage.getItem(k()),n=t?JSON.parse(t):null;n&&(n.conversationId??null)===e&&this.begin(n)}forget(e){let{[e]:t,...n}=this.chosen.value;this.chosen.value=n}send(e,t){let n=this.scope.value.map(({id:e})=>e);this.begin({clientMessageId:I(),text:e,conversationId:this.id.value,parentId:t,documentIds:n.length?n:null})}begin(t){this.close(),this.last=t,sessionStorage.setItem(k(),JSON.stringify(t)),o(e(`chat.looking`)),this.hear(e=>y(u.value.socket,t,e),null,t)}resume(e){this.hear(t=>b(u.value.socket,e,t),e,null)}sending=t(null);hear(n,i,a){let s={answerId:i,text:t(``),citations:t([]),steps:t([]),sources:t(null)};r(()=>{this.failure.value=null,this.sending.value=a,this.live.value=s});let c=!1,l=e=>{c=!0,r(()=>{this.failure.value=e,this.sending.value=null,this.live.value=null})},u=``,f=0,p=()=>{f=0,s.text.value=u};this.silence=n({event:t=>{switch(t.__typename){case`ChatStarted`:s.answerId=t.answer.id,sessionStorage.removeItem(k()),a&&d(t.conversation.id),r(()=>{this.sending.value=null,this.title.value=t.conversation.title,this.put(t.question),this.put({...t.answer,status:`STREAMING`}),this.id.value!==t.conversation.id&&(this.id.value=t.conversation.id,w(`/chats/${t.conversation.id}`,!0))});break;case`ChatSources`:s.sources.value=t.passages.length,t.step&&(s.steps.value=[...s.steps.value,t.step]);break;case`ChatDelta`:u||o(e(`chat.answering`)),u+=t.text,f||=requestAnimationFrame(p);break;case`ChatCitation`:s.citations.value=[...s.citations.value,t.citation];break;case`ChatCompleted`:this.put(t.answer),l(null),o(e(`chat.ready`,{n:new Set(t.answer.citations.map(e=>e.quote)).size}));break;case`ChatFailed`:if(t.sequence===0&&sessionStorage.removeItem(k()),s.answerId){let e=this.messages.value.find(e=>e.id===s.answerId);e&&this.put({...e,text:u,citations:s.citations.value,status:`FAILED`})}l({message:t.message,retryable:t.retryable})}},done:t=>{t&&!c&&l({message:e(`error.network`),retryable:!0})}})}put(e){let t=this.messages.value.findIndex(t=>t.id===e.id);this.messages.value=t<0?[...this.messages.value,e]:this.messages.value.with(t,e)}},j=t(new A);s(e=>{let t=j.peek();t.id.peek()===e&&!t.live.peek()&&t.load(e,!0)});function M(e,t=[]){let n=j.peek();if(e!==null&&n.id.peek()===e){!n.live.peek()&&n.state.peek()===`ready`&&n.load(e,!0);return}n.close();let r=new A;r.scope.value=t,j.value=r,e?r.load(e):r.resend(null)}function N(e){w(`/`),M(null,e)}async function P(t){try{await navigator.clipboard.writeText(t),i(e(`action.copied`))}catch{i(e(`error.clipboard`),!0)}}function F(t){let n=new Map,r=new Map;for(let{index:i,filename:a,pageNumber:o,quote:s}of t.citations){let t=`${a}, ${e(`page.short`,{n:o})}: “${s.replaceAll(`
`,` `)}”`;n.has(t)||n.set(t,n.size+1),r.set(i,n.get(t))}return[t.text.replace(/\[(\d+)\]/g,(e,t)=>r.has(+t)?`[^${r.get(+t)}]`:e),``,...[...n].map(([e,t])=>`[^${t}]: ${e}`)].join(`
`)}function I(){return Array.from(crypto.getRandomValues(new Uint8Array(16)),e=>e.toString(16).padStart(2,`0`)).join(``)}export{M as a,S as c,I as i,h as l,j as n,F as o,P as r,w as s,N as t};