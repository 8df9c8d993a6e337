import{A as e,F as t,I as n,m as r,p as i,y as a}from"./controls-BKuPYcN7.js";import{i as o,r as s,t as c}from"./session-q2BFhlHO.js";import{c as l,n as u}from"./data-D_Gjp5bc.js";import{i as d}from"./chat-CG4Zdpho.js";var f=o(`
  mutation Upload($input: UploadDocumentInput!) {
    uploadDocument(input: $input) {
      __typename
      ... on UploadedDocument { document { id filename } }
      ... on DuplicateDocument { document { id filename } }
      ... on Error { code message }
    }
  }
`);async function p(e,t,n){let r=await m(await e.token(),t,n),[i,a]=r.status===401?await c():[r.status,r.body],o=a.data?.uploadDocument;if(!o)throw new s(a.errors?.[0]?.message??`HTTP ${i}`);return o;async function c(){let r=await m(await e.refresh(),t,n);return[r.status,r.body]}}function m(e,t,{idempotencyKey:n,onSameName:r,signal:i,onProgress:a}){let o=new FormData,u={input:{file:null,idempotencyKey:n,onSameName:r}};return o.append(`operations`,JSON.stringify({query:l(f),variables:u})),o.append(`map`,JSON.stringify({0:[`variables.input.file`]})),o.append(`0`,t),new Promise((t,n)=>{let r=new XMLHttpRequest,l=()=>r.abort();r.open(`POST`,c),r.setRequestHeader(`GraphQL-Preflight`,`1`),r.setRequestHeader(`Accept`,`application/graphql-response+json`),e&&r.setRequestHeader(`Authorization`,`Bearer ${e}`),r.responseType=`json`,r.upload.onprogress=({loaded:e,total:t})=>a(t?e/t:0),r.onload=()=>t({status:r.status,body:r.response??{}}),r.onerror=()=>n(new s(`The connection broke.`)),r.onabort=()=>n(new DOMException(`Cancelled`,`AbortError`)),r.onloadend=()=>i.removeEventListener(`abort`,l),i.addEventListener(`abort`,l),r.send(o)})}var h=o(`
  fragment DocumentFields on Document {
    id filename mediaType byteSize status pageCount language createdAt
    warnings { message pages }
    progress { version stage fraction message failure { code message advice } }
  }
`),g=o(`
    query Documents($first: Int!, $after: String, $status: [DocumentStatus!], $search: String) {
      documents(first: $first, after: $after, status: $status, search: $search) {
        edges { cursor node { ...DocumentFields } }
        pageInfo { hasNextPage endCursor }
      }
    }
  `,[h]),_=o(`
    subscription LibraryProgress {
      libraryProgress { version status stage fraction document { ...DocumentFields } }
    }
  `,[h]),v=3,y=2e3,b=n([]),x=n(0),S=new Map,C=new Set;function w(t){let n=[...t].map(e=>({key:d(),file:e,state:`waiting`,onSameName:`REJECT`,fraction:0}));n.length&&(b.value=[...b.value.filter(({state:e})=>e!==`duplicate`),...n],i(e(`library.sending`,{n:n.length})),A())}function T(e){k(e,{state:`waiting`,fraction:0,message:void 0}),A()}function E(e,t){for(let n of b.value)n.state!==`taken`||t&&n.key!==t||k(n.key,{state:`waiting`,fraction:0,onSameName:e});A()}function D(e){S.get(e)?.abort(),b.value=b.value.filter(t=>t.key!==e),A()}function O(){for(let{key:e}of b.peek())S.get(e)?.abort();b.value=[]}function k(e,t){b.value=b.value.map(n=>n.key===e?{...n,...t}:n)}function A(){let e=b.value.filter(({state:e})=>e===`sending`).length;for(let t of b.value.filter(({state:e})=>e===`waiting`).slice(0,v-e))k(t.key,{state:`sending`}),j(t)}async function j({key:t,file:n,onSameName:i}){let o=new AbortController;for(S.set(t,o);;)try{let a=await p(r,n,{idempotencyKey:`${t} ${i}`,onSameName:i,signal:o.signal,onProgress:e=>k(t,{fraction:e})});a.__typename===`DuplicateDocument`?k(t,{state:`duplicate`,message:e(`library.duplicate`,{name:a.document.filename})}):a.__typename===`NameTaken`?k(t,{state:`taken`,message:e(`library.taken`)}):`message`in a?k(t,{state:`failed`,message:a.message}):(C.add(a.document.id),b.value=b.value.filter(e=>e.key!==t),x.value++);break}catch{if(o.signal.aborted||!a.value)break;k(t,{fraction:0}),await new Promise(e=>setTimeout(e,y))}S.delete(t),A()}addEventListener(`beforeunload`,e=>{b.value.some(({state:e})=>e===`waiting`||e===`sending`)&&e.preventDefault()}),t(()=>{if(C.clear(),O(),!a.value)return;let{unsubscribe:t}=u.value.urql.subscription(_,{}).subscribe(({data:t})=>{let n=t?.libraryProgress;if(!n)return;let{id:r,filename:a}=n.document,o=n.status===`READY`||n.status===`FAILED`||n.status===`CANCELLED`;(!C.has(r)||o)&&x.value++,C.add(r),n.status===`READY`&&i(e(`library.read`,{name:a})),n.status===`FAILED`&&i(e(`library.failed`,{name:a}))});return t});async function M(e){let t=[...e.items].map(e=>e.webkitGetAsEntry()).filter(e=>e!==null);return t.length?(await Promise.all(t.map(N))).flat():[...e.files]}async function N(e){if(e.name.startsWith(`.`))return[];if(e.isFile)return[await new Promise((t,n)=>e.file(t,n))];let t=e.createReader(),n=[];for(;;){let e=await new Promise((e,n)=>t.readEntries(e,n));if(!e.length)break;n.push(...e)}return(await Promise.all(n.map(N))).flat()}export{x as a,T as c,D as i,w as l,g as n,E as o,O as r,M as s,h as t,b as u};