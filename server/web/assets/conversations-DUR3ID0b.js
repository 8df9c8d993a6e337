import{A as e,C as t,M as n,_ as r,i,n as a,o,r as s,s as c,t as l,u,w as d}from"./controls-BKuPYcN7.js";import{i as f}from"./session-q2BFhlHO.js";import{a as p,l as m,n as h,o as g}from"./chat-CG4Zdpho.js";import{i as _,n as v,r as y,s as b,t as x}from"./data-D_Gjp5bc.js";var S=f(`
  query Conversations($after: String) {
    conversations(first: 50, after: $after) {
      edges { cursor node { id title updatedAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
`),C=f(`
  mutation DeleteConversation($id: ID!) {
    deleteConversation(id: $id) { __typename ... on Error { message } }
  }
`),w=f(`
  mutation RenameConversation($input: RenameConversationInput!) {
    renameConversation(input: $input) {
      __typename
      ... on RenamedConversation { conversation { id title } }
      ... on Error { message }
    }
  }
`),T=f(`
    query Whole($id: ID!, $after: String) {
      conversation(id: $id) {
        id
        messages(first: 100, after: $after) { nodes { ...MessageFields } pageInfo { hasNextPage endCursor } }
      }
    }
  `,[m]);function E(){let r=n(null),d=n(``),f=n(null),m=n(null),{data:g,error:v,loading:T,reload:E}=b(S,{after:r.value}),k=d.value.trim().toLowerCase(),A=g?.conversations?.edges.map(({node:e})=>e).filter(e=>e?.title.toLowerCase().includes(k))??[],{hasNextPage:j,endCursor:M}=g?.conversations?.pageInfo??{},N=async({id:e})=>{m.value=null;let t=await _(C,{id:e});x(t?.deleteConversation)&&(h.peek().id.peek()===e&&p(null),E())};return u(`section`,{class:`page`,"aria-labelledby":`chats-title`,children:[u(`header`,{class:`page-head`,children:u(`h1`,{id:`chats-title`,children:e(`nav.chats`)})}),u(`div`,{class:`toolbar`,children:u(`input`,{type:`search`,"aria-label":e(`chats.find`),placeholder:e(`chats.find`),value:d.value,onInput:e=>d.value=e.currentTarget.value})}),v&&!g?.conversations&&u(s,{icon:`warn`,title:y(v),children:u(`button`,{type:`button`,onClick:E,children:e(`action.retry`)})}),T&&!g&&u(`div`,{class:`chat-state`,children:[u(c,{}),e(`state.loading`)]}),g?.conversations&&!A.length&&u(s,{icon:`history`,title:e(k?`chats.none_found`:`chats.empty`),children:!k&&u(`a`,{class:`button primary`,href:`/`,children:e(`nav.new`)})}),D(A).map(([n,r])=>u(`section`,{class:`day`,"aria-label":n,children:[u(`h2`,{children:n}),u(`ul`,{children:r.map(n=>u(`li`,{class:`conversation`,children:[u(`a`,{href:`/chats/${n.id}`,dir:`auto`,children:n.title}),u(`time`,{dateTime:n.updatedAt,children:t(n.updatedAt,{timeStyle:`short`})}),u(o,{label:e(`action.more`,{name:n.title}),choices:[{label:e(`action.rename`),icon:`edit`,act:()=>f.value=n},{label:e(`chats.export`),icon:`download`,act:()=>void O(n)},{label:e(`action.delete`),icon:`trash`,danger:!0,act:()=>m.value=n}]})]},n.id))})]},n)),j&&u(`button`,{type:`button`,onClick:()=>r.value=M??null,children:e(`action.show_more`)}),m.value&&u(l,{title:e(`chats.delete_title`),text:e(`chats.delete_text`,{name:m.value.title}),action:e(`action.delete`),onYes:()=>void N(m.value),onNo:()=>m.value=null}),f.value&&u(a,{title:e(`action.rename`),onClose:()=>f.value=null,class:`small`,children:u(`form`,{onSubmit:async e=>{e.preventDefault();let t=String(new FormData(e.currentTarget).get(`title`)),n=await _(w,{input:{id:f.value.id,title:t}});x(n?.renameConversation)&&(f.value=null)},children:[u(i,{label:e(`chats.title`),name:`title`,defaultValue:f.value.title,required:!0,maxLength:200,dir:`auto`}),u(`footer`,{children:[u(`button`,{type:`button`,class:`quiet`,onClick:()=>f.value=null,children:e(`action.cancel`)}),u(`button`,{class:`primary`,children:e(`action.rename`)})]})]})})]})}function D(e){let t=new Map;for(let n of e){let e=d(n.updatedAt);t.set(e,[...t.get(e)??[],n])}return[...t]}async function O({id:e,title:t}){let n=[`# ${t}`],i=null;do{let t=await v.value.urql.query(T,{id:e,after:i},{requestPolicy:`network-only`}).toPromise(),a=t.data?.conversation?.messages;if(!a)return r(y(t.error),!0);for(let e of a.nodes)e.role===`USER`?n.push(`## ${e.text}`):n.push(g(e).replace(/\[\^(\d+)\]/g,`[^${n.length}-$1]`));i=a.pageInfo.hasNextPage?a.pageInfo.endCursor:null}while(i);let a=document.createElement(`a`);a.href=URL.createObjectURL(new Blob([n.join(`

`)],{type:`text/markdown`})),a.download=`${t.replace(/[\\/:*?"<>|]/g,` `).slice(0,80)}.md`,a.click(),setTimeout(()=>URL.revokeObjectURL(a.href),1e3)}export{E as Conversations};