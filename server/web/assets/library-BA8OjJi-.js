import{A as e,F as t,I as n,m as r,p as i,y as a}from"./controls-BgtFF1hv.js";import{i as o,r as s,t as c}from"./session-q2BFhlHO.js";import{c as l,n as u}from"./data-DTtlqzHb.js";import{i as d}from"./chat-C7pCj_5z.js";var f=o(`
  mutation Upload($input: UploadDocumentInput!) {
    uploadDocument(input: $input) {
      __typename
      ... on UploadedDocument { document { id filename } }
      ... on DuplicateDocument { document { id filename } }
      ... on Error { code message }
    }
  }
`);async function p(e,t,n){let r=await m(await e.token(),t,n),[i,a]=r.status===401?await c():[r.status,r.body],o=a.data?.uploadDocument;if(!o)throw new s(a.errors?.[0]?.message??`HTTP ${i}`);return o;async function c(){let r=await m(await e.refresh(),t,n);return[r.status,r.body]}}function m(e,t,{idempotencyKey:n,signal:r,onProgress:i}){let a=new FormData,o={input:{file:null,idempotencyKey:n}};return a.append(`operations`,JSON.stringify({query:l(f),variables:o})),a.append(`map`,JSON.stringify({0:[`variables.input.file`]})),a.append(`0`,t),new Promise((t,n)=>{let o=new XMLHttpRequest,l=()=>o.abort();o.open(`POST`,c),o.setRequestHeader(`GraphQL-Preflight`,`1`),o.setRequestHeader(`Accept`,`application/graphql-response+json`),e&&o.setRequestHeader(`Authorization`,`Bearer ${e}`),o.responseType=`json`,o.upload.onprogress=({loaded:e,total:t})=>i(t?e/t:0),o.onload=()=>t({status:o.status,body:o.response??{}}),o.onerror=()=>n(new s(`The connection broke.`)),o.onabort=()=>n(new DOMException(`Cancelled`,`AbortError`)),o.onloadend=()=>r.removeEventListener(`abort`,l),r.addEventListener(`abort`,l),o.send(a)})}var h=o(`
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
  `,[h]),v=3,y=2e3,b=n([]),x=n(0),S=new Map,C=new Set;function w(t){let n=[...t].map(e=>({key:d(),file:e,state:`waiting`,fraction:0}));n.length&&(b.value=[...b.value.filter(({state:e})=>e!==`duplicate`),...n],i(e(`library.sending`,{n:n.length})),k())}function T(e){O(e,{state:`waiting`,fraction:0,message:void 0}),k()}function E(e){S.get(e)?.abort(),b.value=b.value.filter(t=>t.key!==e),k()}function D(){for(let{key:e}of b.peek())S.get(e)?.abort();b.value=[]}function O(e,t){b.value=b.value.map(n=>n.key===e?{...n,...t}:n)}function k(){let e=b.value.filter(({state:e})=>e===`sending`).length;for(let t of b.value.filter(({state:e})=>e===`waiting`).slice(0,v-e))O(t.key,{state:`sending`}),A(t)}async function A({key:t,file:n}){let i=new AbortController;for(S.set(t,i);;)try{let a=await p(r,n,{idempotencyKey:t,signal:i.signal,onProgress:e=>O(t,{fraction:e})});a.__typename===`DuplicateDocument`?O(t,{state:`duplicate`,message:e(`library.duplicate`,{name:a.document.filename})}):`message`in a?O(t,{state:`failed`,message:a.message}):(C.add(a.document.id),b.value=b.value.filter(e=>e.key!==t),x.value++);break}catch{if(i.signal.aborted||!a.value)break;O(t,{fraction:0}),await new Promise(e=>setTimeout(e,y))}S.delete(t),k()}addEventListener(`beforeunload`,e=>{b.value.some(({state:e})=>e===`waiting`||e===`sending`)&&e.preventDefault()}),t(()=>{if(C.clear(),D(),!a.value)return;let{unsubscribe:t}=u.value.urql.subscription(_,{}).subscribe(({data:t})=>{let n=t?.libraryProgress;if(!n)return;let{id:r,filename:a}=n.document;C.has(r)||(C.add(r),x.value++),n.status===`READY`&&i(e(`library.read`,{name:a})),n.status===`FAILED`&&i(e(`library.failed`,{name:a}))});return t});async function j(e){let t=[...e.items].map(e=>e.webkitGetAsEntry()).filter(e=>e!==null);return t.length?(await Promise.all(t.map(M))).flat():[...e.files]}async function M(e){if(e.name.startsWith(`.`))return[];if(e.isFile)return[await new Promise((t,n)=>e.file(t,n))];let t=e.createReader(),n=[];for(;;){let e=await new Promise((e,n)=>t.readEntries(e,n));if(!e.length)break;n.push(...e)}return(await Promise.all(n.map(M))).flat()}export{x as a,w as c,E as i,b as l,g as n,j as o,D as r,T as s,h as t};